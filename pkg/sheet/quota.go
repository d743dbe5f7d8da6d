package sheet

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"
)

// Google allows 60 reads and 60 writes a minute for one account (Sheets API, usage limits). A bucket of burst b refilled at r a
// minute lets at most r + b through in any minute: 40 + 10.
const (
	perMinute = 40
	burst     = 10
)

// Quota keeps one process below what Google allows one account: at most 50 reads and 50 writes in any minute.
type Quota struct{ reads, writes *rate.Limiter }

// NewQuota returns full buckets.
func NewQuota() *Quota {
	every := rate.Every(time.Minute / perMinute)
	return &Quota{reads: rate.NewLimiter(every, burst), writes: rate.NewLimiter(every, burst)}
}

// Read waits until one more read is allowed.
func (q *Quota) Read(ctx context.Context) error { return wait(ctx, q.reads, "read") }

// Write waits until one more write is allowed.
func (q *Quota) Write(ctx context.Context) error { return wait(ctx, q.writes, "write") }

func wait(ctx context.Context, l *rate.Limiter, what string) error {
	if err := l.Wait(ctx); err != nil {
		return fmt.Errorf("sheets quota: wait for a %s: %w", what, err)
	}
	return nil
}
