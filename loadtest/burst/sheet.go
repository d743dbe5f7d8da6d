package burst

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/sheet"
)

const (
	lookEvery   = 250 * time.Millisecond // between two looks into the spreadsheets
	readTimeout = 30 * time.Second       // of one request for it
	idColumn    = "B:B"                  // where the flusher writes the ids
	maxIDs      = 10                     // named in a report
)

// InSheet compares what was accepted with what the spreadsheets hold.
type InSheet struct {
	Accepted    int `json:"accepted"` // answered 202, warm-up included
	InSheet     int `json:"in_sheet"` // of those, found
	Lost        int `json:"lost"`
	Doubled     int `json:"doubled"`     // rows that are there beside the one that should be
	Unconfirmed int `json:"unconfirmed"` // answered 503 with an id: may be there once
	Confirmed   int `json:"confirmed"`   // of those, found
	WithoutID   int `json:"without_id"`  // answered 202 with no id to look for; not among the lost

	LostIDs    []string `json:"lost_ids,omitempty"` // the first few
	DoubledIDs []string `json:"doubled_ids,omitempty"`
}

// ledger holds the ids that a target answered with.
type ledger struct {
	accepted  map[string]int // id → how often it was answered 202
	maybe     map[string]bool
	withoutID int
}

func newLedger() *ledger { return &ledger{accepted: map[string]int{}, maybe: map[string]bool{}} }

// add takes the ids of answers, and lets go of their bodies.
func (l *ledger) add(answers []answer) {
	for i := range answers {
		a := &answers[i]
		var body struct{ ID string }
		err := json.Unmarshal(a.body, &body)
		a.body = nil
		named := err == nil && body.ID != ""
		switch {
		case a.status == accepted && named:
			l.accepted[body.ID]++
		case a.status == accepted:
			l.withoutID++
		case named:
			l.maybe[body.ID] = true
		}
	}
}

// compare looks up every id in rows, which tells how often each id is there.
func (l *ledger) compare(rows map[string]int) InSheet {
	s := InSheet{Accepted: l.withoutID, WithoutID: l.withoutID}
	note := func(ids *[]string, id string) {
		if len(*ids) < maxIDs {
			*ids = append(*ids, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.accepted)) {
		want, have := l.accepted[id], rows[id]
		s.Accepted += want
		s.InSheet += min(want, have)
		switch {
		case have < want:
			s.Lost += want - have
			note(&s.LostIDs, id)
		case have > want:
			s.Doubled += have - want
			note(&s.DoubledIDs, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.maybe)) {
		s.Unconfirmed++
		s.Confirmed += min(1, rows[id])
		if rows[id] > 1 {
			s.Doubled += rows[id] - 1
			note(&s.DoubledIDs, id)
		}
	}
	return s
}

// counter reads the ids in the spreadsheets of some forms.
type counter struct {
	service *sheets.Service
	quota   *sheet.Quota        // nil for an emulator, which has none
	tabs    map[string][]string // spreadsheet → titles
}

func newCounter(ctx context.Context, cfg Config, forms []*form.Form) (*counter, error) {
	c := &counter{tabs: map[string][]string{}}
	for _, f := range forms {
		if f.Sinks.Sheets == nil {
			return nil, fmt.Errorf("form %q goes into no spreadsheet: choose another with -form, or give -count none", f.ID)
		}
		c.tabs[f.Sinks.Sheets.Spreadsheet] = append(c.tabs[f.Sinks.Sheets.Spreadsheet], f.Sinks.Sheets.Tab)
	}
	opts := []option.ClientOption{option.WithUserAgent("formstream-loadtest")}
	switch {
	case cfg.Endpoint != "":
		opts = append(opts, option.WithEndpoint(cfg.Endpoint), option.WithoutAuthentication(), option.WithHTTPClient(&http.Client{}))
	case cfg.Credentials != "":
		opts = append(opts, option.WithAuthCredentialsFile(option.ServiceAccount, cfg.Credentials))
	}
	if cfg.Endpoint == "" {
		c.quota = sheet.NewQuota()
		opts = append(opts, option.WithScopes(sheets.SpreadsheetsReadonlyScope))
	}
	var err error
	if c.service, err = sheets.NewService(ctx, opts...); err != nil {
		return nil, fmt.Errorf("rows cannot be counted: %w; give -endpoint for an emulator, -credentials for Google, or -count none", err)
	}
	if _, err := c.ids(ctx); err != nil {
		return nil, fmt.Errorf("rows cannot be counted: %w; see -endpoint and -credentials, or give -count none", err)
	}
	return c, nil
}

// ids tells how often each id is there. A tab that does not exist yet has none. Costs two reads for each spreadsheet.
func (c *counter) ids(ctx context.Context) (map[string]int, error) {
	rows := map[string]int{}
	for id, titles := range c.tabs {
		if err := c.read(ctx, id, titles, rows); err != nil {
			return nil, fmt.Errorf("read spreadsheet %q: %w", id, err)
		}
	}
	return rows, nil
}

func (c *counter) read(ctx context.Context, id string, titles []string, rows map[string]int) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if err := c.pace(ctx); err != nil {
		return err
	}
	s, err := c.service.Spreadsheets.Get(id).Fields("sheets.properties.title").Context(ctx).Do()
	if err != nil {
		return err
	}
	var ranges []string
	for _, tab := range s.Sheets {
		if wanted := func(title string) bool { return strings.EqualFold(title, tab.Properties.Title) }; slices.ContainsFunc(titles, wanted) {
			ranges = append(ranges, "'"+strings.ReplaceAll(tab.Properties.Title, "'", "''")+"'!"+idColumn)
		}
	}
	if len(ranges) == 0 {
		return nil
	}
	if err := c.pace(ctx); err != nil {
		return err
	}
	values, err := c.service.Spreadsheets.Values.BatchGet(id).Ranges(ranges...).Context(ctx).Do()
	if err != nil {
		return err
	}
	for _, column := range values.ValueRanges {
		for _, row := range column.Values {
			if len(row) > 0 {
				rows[fmt.Sprint(row[0])]++
			}
		}
	}
	return nil
}

func (c *counter) pace(ctx context.Context) error {
	if c.quota == nil {
		return nil
	}
	return c.quota.Read(ctx)
}

// settle looks until every accepted id is there, wait is over, or the spreadsheets refuse to be read. It returns what it
// saw last, and an error if its last look failed. It looks at least once.
func (c *counter) settle(ctx context.Context, l *ledger, wait time.Duration, seen func(InSheet)) (InSheet, error) {
	end := time.NewTimer(wait)
	defer end.Stop()
	last := l.compare(nil)
	for {
		rows, err := c.ids(ctx)
		if err == nil {
			last = l.compare(rows)
			seen(last)
		}
		if err == nil && last.Lost == 0 || denied(err) {
			return last, err
		}
		again := time.NewTimer(lookEvery)
		select {
		case <-again.C:
		case <-end.C:
			again.Stop()
			return last, err
		case <-ctx.Done():
			again.Stop()
			return last, context.Cause(ctx)
		}
	}
}

// denied reports whether asking again is of no use.
func denied(err error) bool {
	var refused *googleapi.Error
	return errors.As(err, &refused) && refused.Code < http.StatusInternalServerError &&
		refused.Code != http.StatusRequestTimeout && refused.Code != http.StatusTooManyRequests
}
