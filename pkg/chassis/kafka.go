package chassis

import (
	"errors"
	"flag"
	"slices"
	"time"
)

// Kafka says where the brokers are and how to talk to them.
type Kafka struct {
	Brokers  []string      // -brokers: host:port, at least one that is up at start; the others are learnt
	ClientID string        // -kafka-client-id: what the brokers' logs and quotas see; "" is the service's name
	Linger   time.Duration // -kafka-linger: how long a record waits for company; 0 where acks come within a millisecond
	TLS      TLS
	SASL     SASL
}

// SASL says as whom to log in.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; "" is off
	User      string
	Password  Secret
}

// maxLinger is far below the time that a submitter waits for the answer.
const maxLinger = time.Second

// saslMechanisms returns the accepted mechanisms.
func saslMechanisms() []string { return []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} }

func (k *Kafka) registerFlags(fs *flag.FlagSet) {
	ListVar(fs, &k.Brokers, "brokers", nil, "Kafka brokers, `host:port[,host:port]`")
	fs.StringVar(&k.ClientID, "kafka-client-id", "", "`name` that brokers see; the service's if empty")
	fs.DurationVar(&k.Linger, "kafka-linger", time.Millisecond, "how long a record waits for company; 0s where acks come within a millisecond")
	k.TLS.registerFlags(fs, "kafka", "Kafka")
	fs.StringVar(&k.SASL.Mechanism, "kafka-sasl-mechanism", "", "`mechanism` to log in by: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; off if empty")
	fs.StringVar(&k.SASL.User, "kafka-sasl-user", "", "`user` to log in as")
	SecretVar(fs, &k.SASL.Password, "kafka-sasl-password", "`password` to log in with")
}

func (k *Kafka) validate() error {
	return errors.Join(
		checkServers("brokers", k.Brokers, "kafka-1:9092"),
		checkRange("kafka-linger", k.Linger, 0, maxLinger),
		k.TLS.validate("kafka"),
		k.SASL.validate(),
	)
}

func (s SASL) validate() error {
	if s.Mechanism == "" {
		if s.User != "" || s.Password != "" {
			return Missing("kafka-sasl-mechanism", "a SASL user or password is given; choose PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
		}
		return nil
	}
	var errs []error
	if !slices.Contains(saslMechanisms(), s.Mechanism) {
		errs = append(errs, Wrong("kafka-sasl-mechanism", s.Mechanism, "must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"))
	}
	if s.User == "" {
		errs = append(errs, Missing("kafka-sasl-user", "-kafka-sasl-mechanism needs it"))
	}
	if s.Password == "" {
		errs = append(errs, Missing("kafka-sasl-password", "-kafka-sasl-mechanism needs it; -kafka-sasl-password-file reads it from a file"))
	}
	return errors.Join(errs...)
}

func (k *Kafka) warnings() []error {
	if k.SASL.Mechanism == "PLAIN" && !k.TLS.Enabled {
		return []error{Wrong("kafka-sasl-mechanism", k.SASL.Mechanism, "sends the password readable to everyone on the way; add -kafka-tls")}
	}
	return nil
}
