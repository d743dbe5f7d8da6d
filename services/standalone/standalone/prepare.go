package standalone

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/plugin"
	"github.com/formstream/formstream/pkg/sheet"
	"github.com/formstream/formstream/services/form-api/formapi/guard"
	"github.com/formstream/formstream/services/sheets-consumer/sheetsconsumer"
)

const (
	prepareTimeout = 30 * time.Second
	maxFill        = 1_000_000 // records; more is not the end of a log that a power failure cut off
	fillBatch      = 1000
)

// prepare makes the topics of submissions, of plug-ins' events and of what is kept aside in the embedded broker, before anybody looks for them, and mends the log.
func (a *App) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	settings, err := kafka.NewConfig(a.cfg.Kafka, "formstream-standalone")
	if err != nil {
		return err
	}
	settings.Producer.Partitioner = sarama.NewManualPartitioner
	client, err := kafka.Dial(ctx, a.cfg.Kafka.Brokers, settings)
	if err != nil {
		return fmt.Errorf("look at the embedded log: %w", err)
	}
	defer func() { _ = client.Close() }()
	admin := kafka.NewAdmin(client)
	var submissions, events, aside []string
	for _, f := range a.forms.All() {
		submissions, events, aside = append(submissions, f.Topic()), append(events, plugin.Topic(f)), append(aside, guard.Quarantine(f.ID))
	}
	single := a.cfg.Topics // as form-api makes it
	single.Partitions = 1
	err = errors.Join(admin.Ensure(ctx, slices.Concat(submissions, events), a.cfg.Topics), admin.Ensure(ctx, aside, single))
	if err != nil {
		return fmt.Errorf("make topics in the embedded log: %w", err)
	}
	return a.mend(ctx, client, admin, submissions)
}

// mend makes the embedded log safe to go on with after it has lost its end: a power failure under -fsync=false, or a folder
// that was copied while it was in use. What comes next would get offsets that have been used before, and the marker in the
// spreadsheet would take it for delivered. So the lost places are filled: no offset that was ever read or delivered is given
// out again. What stood there and was not yet in the spreadsheet is lost, and the log line says how much that may be.
func (a *App) mend(ctx context.Context, client sarama.Client, admin *kafka.Admin, names []string) error {
	topics, err := admin.Topics(ctx, names)
	if err != nil {
		return fmt.Errorf("look at the embedded log: %w", err)
	}
	used, err := a.used(ctx, admin, topics)
	if err != nil {
		return err
	}
	for topic, t := range topics {
		for p, end := range t.End {
			if err := a.fill(client, topic, int32(p), end, used[topic][p]); err != nil { //nolint:gosec // a broker counts partitions in int32
				return err
			}
		}
	}
	return nil
}

// used tells, for each partition, the first offset that neither the consumers, plug-ins included, nor the spreadsheets have
// seen.
func (a *App) used(ctx context.Context, admin *kafka.Admin, topics map[string]kafka.Topic) (map[string][]int64, error) {
	used, partitions := map[string][]int64{}, map[string][]int32{}
	for topic, t := range topics {
		used[topic] = make([]int64, len(t.End))
		for p := range t.End {
			partitions[topic] = append(partitions[topic], int32(p)) //nolint:gosec // as above
		}
	}
	committed, err := admin.Committed(ctx, sheetsconsumer.Group, partitions)
	if err != nil {
		return nil, fmt.Errorf("read committed offsets of the embedded log: %w", err)
	}
	for topic, commits := range committed {
		for p, commit := range commits {
			meta, err := buffer.ParseMetadata(commit.Metadata)
			if err == nil && meta.TopicID == topics[topic].ID {
				used[topic][p] = max(commit.Offset, meta.Delivered)
			}
		}
	}
	handled, err := admin.Committed(ctx, a.demo.Group(), partitions)
	if err != nil {
		return nil, fmt.Errorf("read committed offsets of the embedded log: %w", err)
	}
	for topic, commits := range handled {
		for p, commit := range commits {
			used[topic][p] = max(used[topic][p], commit.Offset)
		}
	}
	return used, a.addMarkers(ctx, topics, used)
}

// addMarkers raises used by what the spreadsheets say. One that cannot be asked now is the flusher's to deal with: it does
// not write where the marker is beyond the log.
func (a *App) addMarkers(ctx context.Context, topics map[string]kafka.Topic, used map[string][]int64) error {
	client, err := sheet.Dial(ctx, a.cfg.Endpoint, a.cfg.Credentials)
	if err != nil {
		return err
	}
	for _, id := range a.spreadsheets() {
		state, err := client.Read(ctx, id)
		if err != nil && a.sheets != nil {
			return fmt.Errorf("read spreadsheet %s: %w", id, err)
		}
		if err != nil {
			a.deps.Log.Warn("spreadsheet could not be compared with the embedded log", "spreadsheet", id, "error", err)
			continue
		}
		for _, f := range a.forms.All() {
			item, marked := state.Items[f.ID]
			topic := f.Topic()
			if !marked || item.Err != nil || item.Vector.TopicID != topics[topic].ID {
				continue
			}
			for p, offset := range item.Vector.Offsets {
				if p < len(used[topic]) {
					used[topic][p] = max(used[topic][p], offset)
				}
			}
		}
	}
	return nil
}

// fill writes records that are no submissions until the partition ends where used does.
func (a *App) fill(client sarama.Client, topic string, partition int32, end, used int64) error {
	if used <= end {
		return nil
	}
	if used-end > maxFill {
		return chassis.Wrong("data", a.cfg.Data, fmt.Sprintf(
			"the log of %s, partition %d, ends at %d, but %d had been read: restore the folder from a copy, or choose another one", topic, partition, end, used))
	}
	a.deps.Log.Warn("the embedded log had lost its end (power failure under -fsync=false?): its places are left empty; "+
		"of what stood there, the spreadsheet has what was flushed", "topic", topic, "partition", partition, "offset", end, "lost", used-end)
	producer, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		return fmt.Errorf("fill the embedded log: %w", err)
	}
	for err == nil && end < used {
		batch := make([]*sarama.ProducerMessage, min(used-end, fillBatch))
		for i := range batch {
			batch[i] = &sarama.ProducerMessage{Topic: topic, Partition: partition, Value: sarama.ByteEncoder{}}
		}
		err = producer.SendMessages(batch)
		end += int64(len(batch))
	}
	if err = errors.Join(err, producer.Close()); err != nil {
		return fmt.Errorf("fill the embedded log: %w", err)
	}
	return nil
}
