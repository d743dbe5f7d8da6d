package standalone

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/kafka"
)

// lookAgain is the pause between two looks at how far the parts have come.
const lookAgain = 50 * time.Millisecond

// deliver waits until all that was accepted is in the spreadsheets, at most -shutdown-timeout. Nothing more may come in.
func (a *App) deliver(ctx context.Context) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), a.cfg.ShutdownTimeout,
		errors.New("not within -shutdown-timeout"))
	defer cancel()
	if err := a.delivered(ctx); err != nil {
		a.deps.Log.Warn("not all that was accepted is in the spreadsheets yet; it is in the log and comes with the next start",
			"error", err)
	}
}

// delivered returns when nothing is on its way, or when ctx ends.
func (a *App) delivered(ctx context.Context) error {
	settings, err := kafka.NewConfig(a.cfg.Kafka, "formstream-standalone")
	if err != nil {
		return err
	}
	client, err := kafka.Dial(ctx, a.cfg.Kafka.Brokers, settings)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	rdb, err := buffer.Dial(a.cfg.Redis)
	if err != nil {
		return err
	}
	defer func() { _ = rdb.Close() }()
	admin, store := kafka.NewAdmin(client), buffer.New(rdb, buffer.Options{Prefix: a.cfg.Redis.Prefix})
	ends, err := admin.Topics(ctx, a.topics())
	if err != nil {
		return fmt.Errorf("ask for the log's ends: %w", err)
	}
	for {
		done, err := a.reached(ctx, store, ends)
		if err == nil && done {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(lookAgain):
		}
	}
}

// reached reports whether every form that is not parked has been delivered up to these ends of the log.
func (a *App) reached(ctx context.Context, store *buffer.Store, ends map[string]kafka.Topic) (bool, error) {
	var forms []string
	var partitions []int
	for _, f := range a.forms.All() {
		if t, ok := ends[f.Topic()]; ok && f.Sinks.Sheets != nil {
			forms, partitions = append(forms, f.ID), append(partitions, len(t.End))
		}
	}
	peeks, err := store.Peek(ctx, forms, partitions)
	if err != nil {
		return false, err
	}
	for i, id := range forms {
		f, _ := a.forms.Lookup(id)
		for p, end := range ends[f.Topic()].End {
			if peeks[i].Park == "" && peeks[i].Partitions[p].Delivered < end {
				return false, nil
			}
		}
	}
	return true, nil
}

// topics lists the topics of the forms that have a spreadsheet.
func (a *App) topics() []string {
	var names []string
	for _, f := range a.forms.All() {
		if f.Sinks.Sheets != nil {
			names = append(names, f.Topic())
		}
	}
	return names
}
