package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// Admin asks the brokers about topics and groups. Every call takes a fixed number of requests per broker, however many
// topics it names. It is safe for concurrent use; it does not own its client.
type Admin struct{ client sarama.Client }

// NewAdmin returns an Admin on a client that [Dial] or sarama.NewClient made. Closing the client is the caller's.
func NewAdmin(client sarama.Client) *Admin { return &Admin{client: client} }

// Topic is the present state of one topic.
type Topic struct {
	ID    string  // the topic's uuid in 22 characters of base64url; another one after the topic was made anew
	Start []int64 // per partition: the oldest offset that the log has
	End   []int64 // per partition: the offset that the next record gets
}

// Commit is what a group has committed for one partition.
type Commit struct {
	Offset   int64
	Metadata string
}

const (
	// offsetAttempts is how often offsets are asked for while partitions move between brokers.
	offsetAttempts = 4
	offsetPause    = 200 * time.Millisecond
)

// TopicsError says of which topics the brokers do not tell what was asked, and why.
type TopicsError struct{ Topics map[string]error }

func (e *TopicsError) Error() string {
	var b strings.Builder
	b.WriteString("describe topics: ")
	for i, topic := range slices.Sorted(maps.Keys(e.Topics)) {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %v", topic, e.Topics[topic])
	}
	return b.String()
}

// Unwrap returns the causes.
func (e *TopicsError) Unwrap() []error { return slices.Collect(maps.Values(e.Topics)) }

// about reports whether the error, which may be nil, is about the topic.
func (e *TopicsError) about(topic string) bool { return e != nil && e.Topics[topic] != nil }

// Topics returns the state of the named topics; one that does not exist is absent. When some partition has no leader, a
// broker does not answer or tells nothing of a topic, the error says so and the map holds the topics that were answered in
// full.
func (a *Admin) Topics(ctx context.Context, names []string) (map[string]Topic, error) {
	described, untold := a.describe(ctx, names)
	topics := make(map[string]Topic, len(described))
	wanted := make(map[string]int32, len(described)) // partitions whose offsets are still to be asked for
	for name, meta := range described {
		n := len(meta.Partitions)
		topics[name] = Topic{ID: meta.Uuid.String(), Start: unknownOffsets(n), End: unknownOffsets(n)}
		wanted[name] = int32(n) //nolint:gosec // a broker counts partitions in int32
	}
	// Start before end: what is written in between must not make a partition end before it starts.
	starts := a.offsets(ctx, wanted, sarama.OffsetOldest, func(topic string, p int32, offset int64) { topics[topic].Start[p] = offset })
	ends := a.offsets(ctx, wanted, sarama.OffsetNewest, func(topic string, p int32, offset int64) { topics[topic].End[p] = offset })
	for name, topic := range topics {
		if slices.Contains(topic.Start, -1) || slices.Contains(topic.End, -1) {
			delete(topics, name)
		}
	}
	return topics, errors.Join(untold, starts, ends)
}

func unknownOffsets(n int) []int64 {
	offsets := make([]int64, n)
	for i := range offsets {
		offsets[i] = -1
	}
	return offsets
}

// describe returns the metadata of those topics that exist, partitions in order. Its error is a [*TopicsError] where the
// brokers answered, though not for all.
func (a *Admin) describe(ctx context.Context, names []string) (map[string]*sarama.TopicMetadata, error) {
	found := make(map[string]*sarama.TopicMetadata, len(names))
	if len(names) == 0 {
		return found, nil
	}
	response, err := within(ctx, func() (*sarama.MetadataResponse, error) { return a.metadata(names) }, nil)
	if err != nil {
		return nil, fmt.Errorf("describe topics: %w", err)
	}
	untold := make(map[string]error)
	for _, meta := range response.Topics {
		if errors.Is(meta.Err, sarama.ErrUnknownTopicOrPartition) {
			continue
		}
		if err := complete(meta); err != nil {
			untold[meta.Name] = err
			continue
		}
		found[meta.Name] = meta
	}
	if len(untold) > 0 {
		return found, &TopicsError{untold}
	}
	return found, nil
}

// complete checks an answer, and puts its partitions in order.
func complete(meta *sarama.TopicMetadata) error {
	switch {
	case errors.Is(meta.Err, sarama.ErrTopicAuthorizationFailed):
		return fmt.Errorf("%w: allow -kafka-sasl-user to describe it", meta.Err)
	case meta.Err != sarama.ErrNoError && !errors.Is(meta.Err, sarama.ErrLeaderNotAvailable):
		return meta.Err
	case meta.Uuid == sarama.Uuid{}:
		return errors.New("the brokers tell no topic id; Kafka 2.8 or later is needed")
	}
	slices.SortFunc(meta.Partitions, func(a, b *sarama.PartitionMetadata) int { return int(a.ID) - int(b.ID) })
	for i, p := range meta.Partitions {
		if int(p.ID) != i {
			return fmt.Errorf("the brokers tell nothing of partition %d", i)
		}
	}
	return nil
}

// metadata asks one broker after the other, and once more when it has found out which brokers there are now; the client's
// own cache has no topic ids.
func (a *Admin) metadata(names []string) (*sarama.MetadataResponse, error) {
	var errs []error
	for attempt := range 2 {
		if attempt > 0 {
			if err := a.client.RefreshMetadata(); err != nil {
				return nil, errors.Join(append(errs, err)...)
			}
			errs = nil // the second round tells how things are
		}
		for _, broker := range a.candidates() {
			response, err := broker.GetMetadata(sarama.NewMetadataRequest(a.client.Config().Version, names))
			if err == nil {
				return response, nil
			}
			errs = append(errs, fmt.Errorf("ask broker %s: %w", broker.Addr(), err))
			_ = broker.Close() // a broken connection is opened again by its next use
		}
	}
	if len(errs) == 0 {
		return nil, ErrAway
	}
	return nil, errors.Join(errs...)
}

// candidates returns all known brokers, those first that are connected: the brokers go on to name one that has been killed,
// for ever where they cannot agree without it.
func (a *Admin) candidates() []*sarama.Broker {
	all := a.client.Brokers()
	if len(all) == 0 {
		if seed := a.client.LeastLoadedBroker(); seed != nil {
			all = append(all, seed)
		}
	}
	var connected, rest []*sarama.Broker
	for _, broker := range all {
		if yes, err := broker.Connected(); yes && err == nil {
			connected = append(connected, broker)
			continue
		}
		_ = broker.Open(a.client.Config()) // its error comes with the question
		rest = append(rest, broker)
	}
	return append(connected, rest...)
}

// offsets asks for one offset of each partition, in one request per broker, and again for those whose leader has moved.
func (a *Admin) offsets(ctx context.Context, wanted map[string]int32, which int64, found func(topic string, partition int32, offset int64)) error {
	open := make(map[string]map[int32]int64, len(wanted))
	for topic, partitions := range wanted {
		open[topic] = make(map[int32]int64, partitions)
		for p := range partitions {
			open[topic][p] = which
		}
	}
	var err error
	for attempt := range offsetAttempts {
		if len(open) == 0 {
			return nil
		}
		if attempt > 0 {
			if err := sleep(ctx, offsetPause); err != nil {
				return fmt.Errorf("ask for offsets: %w", err)
			}
		}
		var answers offsetAnswers
		answers, err = within(ctx, func() (offsetAnswers, error) { return a.listOffsets(open, attempt > 0) }, nil)
		if answers == nil && err != nil {
			return fmt.Errorf("ask for offsets: %w", err)
		}
		err = errors.Join(err, take(open, answers, found))
	}
	if len(open) == 0 {
		return nil
	}
	return fmt.Errorf("ask for offsets: %w", err)
}

type offsetAnswers = map[string]map[int32]*sarama.OffsetResult

func (a *Admin) listOffsets(open map[string]map[int32]int64, refresh bool) (offsetAnswers, error) {
	if refresh {
		topics := make([]string, 0, len(open))
		for topic := range open {
			topics = append(topics, topic)
		}
		_ = a.client.RefreshMetadata(topics...) // what is still without a leader tells so below
	}
	admin, err := sarama.NewClusterAdminFromClient(a.client)
	if err != nil {
		return nil, err
	}
	return admin.ListOffsets(open, nil)
}

// take hands out the answers and removes their partitions from open. Its error is one of those that stay open.
func take(open map[string]map[int32]int64, answers offsetAnswers, found func(string, int32, int64)) error {
	var rest error
	for topic, partitions := range open {
		for p := range partitions {
			answer := answers[topic][p]
			switch {
			case answer == nil:
				rest = fmt.Errorf("%s partition %d: no answer", topic, p)
			case answer.Err != nil && !errors.Is(answer.Err, sarama.ErrNoError):
				rest = fmt.Errorf("%s partition %d: %w", topic, p, answer.Err)
			default:
				found(topic, p, answer.Offset)
				delete(partitions, p)
			}
		}
		if len(partitions) == 0 {
			delete(open, topic)
		}
	}
	return rest
}

// Committed returns what the group has committed, by topic and partition. A partition without a commit is absent, and a
// group that nobody has heard of has no commits.
func (a *Admin) Committed(ctx context.Context, group string, topics map[string][]int32) (map[string]map[int32]Commit, error) {
	commits := make(map[string]map[int32]Commit, len(topics))
	if len(topics) == 0 {
		return commits, nil // Sarama would ask for all topics there are
	}
	response, err := within(ctx, func() (*sarama.OffsetFetchResponse, error) {
		admin, err := sarama.NewClusterAdminFromClient(a.client)
		if err != nil {
			return nil, err
		}
		return admin.ListConsumerGroupOffsets(group, topics)
	}, nil)
	if errors.Is(err, sarama.ErrGroupIDNotFound) { // the in-process broker says so; Kafka answers with no offsets
		return commits, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask for the offsets of group %s: %w", group, err)
	}
	for topic, partitions := range topics {
		for _, p := range partitions {
			block := response.GetBlock(topic, p)
			if block == nil {
				return nil, fmt.Errorf("ask for the offsets of group %s: %s partition %d: no answer", group, topic, p)
			}
			if !errors.Is(block.Err, sarama.ErrNoError) {
				return nil, fmt.Errorf("ask for the offsets of group %s: %s partition %d: %w", group, topic, p, block.Err)
			}
			if block.Offset < 0 {
				continue
			}
			if commits[topic] == nil {
				commits[topic] = make(map[int32]Commit, len(partitions))
			}
			commits[topic][p] = Commit{Offset: block.Offset, Metadata: block.Metadata}
		}
	}
	return commits, nil
}

// sleep waits for d, at most until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
