package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/formstream/formstream/pkg/chassis"
)

// MissingTopicsError says which topics must be made, and how.
type MissingTopicsError struct {
	Topics  []string // sorted
	Brokers []string
	Spec    chassis.Topics
}

func (e *MissingTopicsError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "topics are missing: %s; start with -topics-create, or make them:", strings.Join(e.Topics, ", "))
	for _, topic := range e.Topics {
		b.WriteString("\n  " + e.command(topic))
	}
	return b.String()
}

// command returns the line of Kafka's own tool that makes the topic.
func (e *MissingTopicsError) command(topic string) string {
	args := []string{
		"kafka-topics.sh", "--bootstrap-server", strings.Join(e.Brokers, ","), "--create",
		"--topic", topic, "--partitions", strconv.Itoa(e.Spec.Partitions),
	}
	if e.Spec.Replication > 0 {
		args = append(args, "--replication-factor", strconv.Itoa(e.Spec.Replication))
	}
	for _, setting := range topicSettings(e.Spec) {
		args = append(args, "--config", setting.key+"="+setting.value)
	}
	return strings.Join(args, " ")
}

type setting struct{ key, value string }

// topicSettings is what a topic of submissions must have: nothing is removed by compaction or by size, and by age only
// where the operator wants it.
func topicSettings(spec chassis.Topics) []setting {
	settings := []setting{
		{"cleanup.policy", "delete"},
		{"retention.ms", strconv.FormatInt(spec.Retention.Milliseconds(), 10)},
		{"retention.bytes", "-1"},
	}
	if spec.MinInsync > 0 {
		settings = append(settings, setting{"min.insync.replicas", strconv.Itoa(spec.MinInsync)})
	}
	return settings
}

// settleInterval is the pause between two looks at topics that have just been made.
const settleInterval = 100 * time.Millisecond

// Ensure returns when every topic exists and each of its partitions has a leader. It makes what is missing where
// spec.Create says so; otherwise its error is a [*MissingTopicsError]. Topics that exist are left as they are.
//
// What it makes is looked at again, and made again if need be: for some hundred ms after a topic was made the brokers
// answer as if it did not exist, and after one was deleted, as if it did.
func (a *Admin) Ensure(ctx context.Context, topics []string, spec chassis.Topics) error {
	for {
		found, err := a.describe(ctx, topics)
		if err != nil {
			return err
		}
		missing := missing(topics, found)
		if len(missing) > 0 && !spec.Create {
			return &MissingTopicsError{Topics: missing, Brokers: a.addresses(), Spec: spec}
		}
		if len(missing) > 0 {
			if err := a.create(ctx, missing, spec); err != nil {
				return err
			}
		}
		unsettled := slices.Concat(missing, leaderless(found))
		if len(unsettled) == 0 {
			return nil
		}
		if err := sleep(ctx, settleInterval); err != nil {
			return fmt.Errorf("wait for a leader of %s: %w", unsettled[0], err)
		}
	}
}

// Missing returns which of the topics do not exist, sorted. When the brokers do not answer for all of them, the error says
// so; it is a [*TopicsError] where they answered for the others.
func (a *Admin) Missing(ctx context.Context, topics []string) ([]string, error) {
	found, err := a.describe(ctx, topics)
	var some *TopicsError
	if err != nil && !errors.As(err, &some) {
		return nil, err
	}
	return slices.DeleteFunc(missing(topics, found), func(topic string) bool { return some.about(topic) }), err
}

// missing returns which topics have not been found, sorted.
func missing(topics []string, found map[string]*sarama.TopicMetadata) (missing []string) {
	for _, topic := range topics {
		if found[topic] == nil {
			missing = append(missing, topic)
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

// leaderless returns the topics that have no leader for one of their partitions, sorted.
func leaderless(found map[string]*sarama.TopicMetadata) (names []string) {
	for name, meta := range found {
		if len(meta.Partitions) == 0 || slices.ContainsFunc(meta.Partitions, func(p *sarama.PartitionMetadata) bool { return p.Leader < 0 }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// create makes all topics in one request.
func (a *Admin) create(ctx context.Context, topics []string, spec chassis.Topics) error {
	details := make(map[string]*sarama.TopicDetail, len(topics))
	for _, topic := range topics {
		detail := &sarama.TopicDetail{
			NumPartitions:     int32(spec.Partitions),  //nolint:gosec // validated, at most 10,000
			ReplicationFactor: int16(spec.Replication), //nolint:gosec // validated, at most 100
			ConfigEntries:     make(map[string]*string),
		}
		for _, s := range topicSettings(spec) {
			detail.ConfigEntries[s.key] = &s.value
		}
		details[topic] = detail
	}
	_, err := within(ctx, func() (struct{}, error) { return struct{}{}, a.createAll(details) }, nil)
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	return nil
}

// createAll asks the controller, and once more where it is another broker by now.
func (a *Admin) createAll(details map[string]*sarama.TopicDetail) error {
	cfg := a.client.Config()
	request := sarama.NewCreateTopicsRequest(cfg.Version, details, cfg.Admin.Timeout, false)
	for attempt := 0; ; attempt++ {
		controller, err := a.client.Controller()
		if err != nil {
			return err
		}
		response, err := controller.CreateTopics(request)
		if err == nil {
			err = createErrors(response)
		} else {
			_ = controller.Close()
		}
		if err == nil || attempt == 1 {
			return err
		}
		if _, err := a.client.RefreshController(); err != nil {
			return err
		}
	}
}

func createErrors(response *sarama.CreateTopicsResponse) error {
	var errs []error
	for topic, answer := range response.TopicErrors {
		// Another replica may have been faster.
		if !errors.Is(answer.Err, sarama.ErrNoError) && !errors.Is(answer.Err, sarama.ErrTopicAlreadyExists) {
			errs = append(errs, fmt.Errorf("%s: %w", topic, answer))
		}
	}
	return errors.Join(errs...)
}

func (a *Admin) addresses() []string {
	var addresses []string
	for _, b := range a.client.Brokers() {
		addresses = append(addresses, b.Addr())
	}
	slices.Sort(addresses)
	return addresses
}
