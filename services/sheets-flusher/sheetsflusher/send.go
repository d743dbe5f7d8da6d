package sheetsflusher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/sheet"
)

// send sends a flush until it is known what became of it. The same bytes may be sent any number of times: the fence lets them
// in once.
func (w *Writer) send(ctx context.Context, f *sheet.Flush) (step, error) {
	ctx, cancel := finishing(ctx, w.set.Finish)
	defer cancel()
	refused := 0
	for attempt := 0; attempt < w.set.Attempts; attempt++ {
		if err := w.Quota.Write(ctx); err != nil {
			return step{}, err
		}
		if w.Clock.Now().Sub(f.Planned) > w.set.PlanAge {
			w.state = nil
			return step{kind: again}, nil
		}
		resp, err := w.Sheets.Apply(ctx, w.spreadsheet, f.Request)
		if err == nil {
			return w.settle(ctx, f, w.state.Advance(f), f.Unmatched(resp))
		}
		w.Logger.Warn("flush was not confirmed", "spreadsheet", w.spreadsheet, "fence", f.Fence.ID, "attempt", attempt+1, "error", err)
		outcome := sheet.OutcomeOf(err)
		switch outcome {
		case sheet.Denied:
			w.deny(ctx, err)
			w.state = nil
			return step{kind: again}, nil
		case sheet.Throttled:
			if err := w.pause(ctx, attempt, err); err != nil {
				return step{}, err
			}
			continue
		case sheet.Refused:
			refused++
		}
		s, done, err := w.ask(ctx, f, attempt, err)
		if done || err != nil {
			return s, err
		}
		if refused >= 2 {
			return w.fault(ctx, f)
		}
	}
	w.state = nil
	return step{}, fmt.Errorf("spreadsheet %s: flush %d not confirmed after %d attempts", w.spreadsheet, f.Fence.ID, w.set.Attempts)
}

// ask finds out what became of a flush whose answer did not tell. Not done: it is not there, and the spreadsheet is what it
// was planned on, so the same bytes may be sent again.
func (w *Writer) ask(ctx context.Context, f *sheet.Flush, attempt int, cause error) (s step, done bool, err error) {
	type answer struct {
		fence sheet.Fence
		found bool
	}
	a, err := retry(ctx, w, w.Quota.Read, func() (answer, error) {
		fence, found, err := w.Sheets.Fence(ctx, w.spreadsheet, f.Fence.ID)
		return answer{fence, found}, err
	})
	before := w.state
	if err != nil {
		w.state = nil
		return step{}, true, fmt.Errorf("spreadsheet %s: ask for fence %d: %w", w.spreadsheet, f.Fence.ID, err)
	}
	if a.found && (a.fence.Foreign || a.fence.Nonce != f.Fence.Nonce) {
		if a.fence.Foreign {
			w.foreign[f.Fence.ID] = true
		}
		w.state = nil
		return step{kind: again}, true, nil
	}
	if !a.found {
		if err := w.pause(ctx, attempt, cause); err != nil {
			return step{}, true, err
		}
	}
	if err := w.read(ctx); err != nil || w.state == nil {
		return step{kind: again}, true, err
	}
	if a.found {
		s, err := w.settle(ctx, f, w.state, nil)
		return s, true, err
	}
	if !w.state.Unchanged(before) {
		return step{kind: again}, true, nil
	}
	return step{}, false, nil
}

// settle ends a flush that is in the spreadsheet, whose state is now known. Forms whose vector was not what the flush stood on
// are held: somebody else wrote after its fence had gone, and their rows may stand twice.
func (w *Writer) settle(ctx context.Context, f *sheet.Flush, known *sheet.State, unmatched []string) (step, error) {
	held := map[string]bool{}
	for _, form := range unmatched {
		held[form] = true
	}
	if w.state = known; len(unmatched) > 0 {
		w.hold(ctx, f, unmatched)
		w.state = nil
	}
	for _, p := range f.Parts {
		if held[p.Form] {
			continue
		}
		if err := w.Buffer.Release(ctx, p.Form, p.TopicID, p.Offsets, w.spreadsheet); err != nil {
			// The next plan releases up to the vector before anything else.
			w.Logger.Warn("flush not yet released from the buffer", "form", p.Form, "error", err)
		}
		w.Metrics.rows.WithLabelValues(p.Form).Add(float64(len(p.Rows)))
	}
	w.Metrics.flushes.Inc()
	return step{kind: flushed, rows: f.Rows()}, nil
}

// finishing is a context for a flush under way: when ctx ends it goes on, for at most d, so that its outcome is still learnt.
func finishing(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	detached, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(d):
			cancel(errors.New("sheetsflusher: the flush under way did not end in time"))
		case <-detached.Done():
		}
	})
	return detached, func() { stop(); cancel(nil) }
}

// hold parks forms in the spreadsheet itself, so that every later run sees it.
func (w *Writer) hold(ctx context.Context, f *sheet.Flush, forms []string) {
	for _, form := range forms {
		w.park(ctx, form, reasonUnmatched(f.Fence.ID))
	}
	if err := w.rehold(ctx, f.Fence, forms); err != nil {
		w.Logger.Error("park not kept in the spreadsheet: the next run will not know of it", "spreadsheet", w.spreadsheet, "error", err)
	}
}

// rehold rewrites the list of forms that a fence holds.
func (w *Writer) rehold(ctx context.Context, fence sheet.Fence, forms []string) error {
	_, err := retry(ctx, w, w.Quota.Write, func() (*sheets.BatchUpdateSpreadsheetResponse, error) {
		return w.Sheets.Apply(ctx, w.spreadsheet, sheet.Hold(fence, forms))
	})
	return err
}

// fault ends a flush that was refused twice on an unchanged spreadsheet: the request itself is wrong. Of several forms, each
// is planned alone from now on; one that is refused alone is parked.
func (w *Writer) fault(ctx context.Context, f *sheet.Flush) (step, error) {
	if len(f.Parts) == 1 {
		w.park(ctx, f.Parts[0].Form, reasonRefused)
	}
	w.alone = true
	return step{kind: again}, nil
}
