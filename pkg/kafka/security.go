package kafka

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"

	"github.com/formstream/formstream/pkg/chassis"
)

// setSecurity turns on TLS and SASL where c asks for them.
func setSecurity(cfg *sarama.Config, c chassis.Kafka) error {
	tls, err := c.TLS.Client()
	if err != nil {
		return fmt.Errorf("set up TLS to Kafka: %w", err)
	}
	if tls != nil {
		cfg.Net.TLS.Enable = true
		cfg.Net.TLS.Config = tls
	}
	if c.SASL.Mechanism == "" {
		return nil
	}
	sasl := &cfg.Net.SASL
	sasl.Enable = true
	sasl.Mechanism = sarama.SASLMechanism(c.SASL.Mechanism)
	sasl.User = c.SASL.User
	sasl.Password = c.SASL.Password.Reveal()
	switch c.SASL.Mechanism {
	case sarama.SASLTypePlaintext:
	case sarama.SASLTypeSCRAMSHA256:
		sasl.SCRAMClientGeneratorFunc = newSCRAM(sha256.New)
	case sarama.SASLTypeSCRAMSHA512:
		sasl.SCRAMClientGeneratorFunc = newSCRAM(sha512.New)
	default:
		return fmt.Errorf("SASL mechanism %q is not one of PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512", c.SASL.Mechanism)
	}
	return nil
}

// scramClient is one login by SCRAM (RFC 5802), as Sarama wants to drive it.
type scramClient struct {
	hash         scram.HashGeneratorFcn
	conversation *scram.ClientConversation
}

func newSCRAM(newHash func() hash.Hash) func() sarama.SCRAMClient {
	return func() sarama.SCRAMClient { return &scramClient{hash: newHash} }
}

// Begin implements sarama.SCRAMClient.
func (c *scramClient) Begin(user, password, authzID string) error {
	client, err := c.hash.NewClient(user, password, authzID)
	if err != nil {
		return fmt.Errorf("begin SCRAM login: %w", err)
	}
	c.conversation = client.NewConversation()
	return nil
}

// Step implements sarama.SCRAMClient.
func (c *scramClient) Step(challenge string) (string, error) { return c.conversation.Step(challenge) }

// Done implements sarama.SCRAMClient.
func (c *scramClient) Done() bool { return c.conversation.Done() }
