package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/sheets/v4"
)

// Ledger is what the clients know, in no order.
type Ledger []Sent

// Count returns how many there are of a fate.
func (l Ledger) Count(fate Fate) (n int) {
	for _, s := range l {
		if s.Fate == fate {
			n++
		}
	}
	return n
}

// place is where a form's rows are, and which column has the mark.
type place struct {
	form, tab string
	mark      int
}

// The example forms' tabs. Columns 0 and 1 are the time and the id.
func places() []place {
	return []place{{"demo-form", "Demo", 4}, {"student-data-form", "Students", 7}}
}

// Spreadsheet is the one that both example forms go to.
const Spreadsheet = "formstream-demo"

// Rows reads what the spreadsheet shows of each example form.
func Rows(ctx context.Context, endpoint string) (map[string][][]any, error) {
	rows := map[string][][]any{}
	for _, p := range places() {
		values, err := Values(ctx, endpoint, p.tab)
		if err != nil {
			return nil, err
		}
		rows[p.form] = values
	}
	return rows, nil
}

// Values reads a tab without its header, by way of the official client. A tab that is not there has no rows: the first
// flush makes it.
func Values(ctx context.Context, endpoint, tab string) ([][]any, error) {
	svc, err := sheets.NewService(ctx, option.WithEndpoint(endpoint), option.WithoutAuthentication(), option.WithHTTPClient(http.DefaultClient))
	if err != nil {
		return nil, fmt.Errorf("read the spreadsheet: %w", err)
	}
	answer, err := svc.Spreadsheets.Values.Get(Spreadsheet, tab).Context(ctx).Do()
	var refused *googleapi.Error
	switch {
	case errors.As(err, &refused) && refused.Code == http.StatusBadRequest:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the spreadsheet: %w", err)
	case len(answer.Values) == 0:
		return nil, nil
	}
	return answer.Values[1:], nil
}

// Verdict is what came of the comparison.
type Verdict struct {
	Rows      int    // in the spreadsheet
	Untold    int    // of them: rows of submissions that were answered 503 or not at all
	Lost      []Sent // answered 202 and not in the spreadsheet
	Doubled   []Sent // more than once in the spreadsheet
	Forbidden []Sent // answered 4xx, and in the spreadsheet
	Wrong     []Sent // 4xx for a right submission, or anything but that for a wrong one
	Strange   int    // rows that nobody sent
}

// Err tells what breaks the guarantee; nil if nothing does.
func (v Verdict) Err() error {
	var errs []error
	for _, wrong := range []struct {
		what string
		sent []Sent
	}{
		{"answered 202 and not in the spreadsheet", v.Lost}, {"in the spreadsheet more than once", v.Doubled},
		{"answered 4xx and in the spreadsheet", v.Forbidden}, {"answered against the rules", v.Wrong},
	} {
		if n := len(wrong.sent); n > 0 {
			errs = append(errs, fmt.Errorf("%d %s, such as %+v", n, wrong.what, wrong.sent[0]))
		}
	}
	if v.Strange != 0 {
		errs = append(errs, fmt.Errorf("%d rows that nobody sent", v.Strange))
	}
	return errors.Join(errs...)
}

// Compare holds what the clients know against the rows of [Rows].
func (l Ledger) Compare(rows map[string][][]any) (v Verdict) {
	ids, marks := map[string]int{}, map[string]int{}
	for _, p := range places() {
		for _, row := range rows[p.form] {
			v.Rows++
			ids[fmt.Sprint(row[1])]++
			marks[fmt.Sprint(row[p.mark])]++
		}
	}
	known := 0
	for _, s := range l {
		known += marks[s.Mark]
		switch {
		case s.Fate == Accepted && (ids[s.ID] == 0 || marks[s.Mark] == 0):
			v.Lost = append(v.Lost, s)
		case ids[s.ID] > 1 && s.ID != "" || marks[s.Mark] > 1:
			v.Doubled = append(v.Doubled, s)
		case s.Fate == Refused && marks[s.Mark] > 0:
			v.Forbidden = append(v.Forbidden, s)
		case s.Fate != Accepted:
			v.Untold += marks[s.Mark]
		}
		if answered := s.Fate == Accepted || s.Fate == Refused; answered && s.Invalid != (s.Fate == Refused) {
			v.Wrong = append(v.Wrong, s)
		}
	}
	v.Strange = v.Rows - known
	return v
}

// Journal is what the emulator wrote down of every change.
type Journal struct {
	Flushes int // changes that wrote submissions
	Rows    int // of submissions, in all of them
}

// ReadJournal reads the emulator's journal and checks that the rows of each flush are in order of received_at, per tab.
func ReadJournal(ctx context.Context, endpoint string) (j Journal, err error) {
	for after, more := int64(0), true; more; {
		var page struct {
			Entries []struct {
				Writes []struct {
					Title string
					Rows  [][]string
				}
			}
			Next int64
			More bool
		}
		if err := getJSON(ctx, fmt.Sprintf("%s/api/journal?spreadsheet=%s&after=%d", endpoint, Spreadsheet, after), &page); err != nil {
			return j, err
		}
		for _, entry := range page.Entries {
			byTab := map[string][]string{}
			for _, w := range entry.Writes {
				for _, row := range w.Rows {
					if row[0] != "Received at" {
						byTab[w.Title] = append(byTab[w.Title], row[0])
					}
				}
			}
			for tab, times := range byTab {
				if !slices.IsSorted(times) {
					return j, fmt.Errorf("a flush wrote rows of tab %s that are not in order of time", tab)
				}
				j.Rows += len(times)
			}
			if len(byTab) > 0 {
				j.Flushes++
			}
		}
		after, more = page.Next, page.More
	}
	return j, nil
}

func getJSON(ctx context.Context, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	return nil
}
