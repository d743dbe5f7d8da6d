package simulation

import (
	"context"
	"errors"
	"maps"
	"slices"

	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/sheet"
)

// spreadsheet does what Sheets does with the requests of pkg/sheet.
type spreadsheet struct {
	items map[int64]item
	tabs  map[int64]tab

	lenient, noFenceID, unconditional bool

	back      int // times that a vector moved back
	unmatched int // updates that matched nothing and were answered 200
	unordered int // flushes whose rows were not in order of time
}

type item struct{ key, value string }

type tab struct {
	title string
	rows  [][2]string // received_at and id
}

var errRefused = errors.New("400")

func newSpreadsheet() *spreadsheet {
	return &spreadsheet{items: map[int64]item{}, tabs: map[int64]tab{0: {title: "Sheet1"}}}
}

func (s *spreadsheet) copy() *spreadsheet {
	c := *s
	c.items, c.tabs = maps.Clone(s.items), maps.Clone(s.tabs)
	return &c
}

func (s *spreadsheet) get() *sheets.Spreadsheet {
	out := &sheets.Spreadsheet{SpreadsheetId: "S"}
	for id, x := range s.items {
		out.DeveloperMetadata = append(out.DeveloperMetadata, &sheets.DeveloperMetadata{MetadataId: id, MetadataKey: x.key, MetadataValue: x.value})
	}
	for id, t := range s.tabs {
		out.Sheets = append(out.Sheets, &sheets.Sheet{Properties: &sheets.SheetProperties{SheetId: id, Title: t.title, GridProperties: &sheets.GridProperties{ColumnCount: 26}}})
	}
	return out
}

// apply does all requests or none.
func (s *spreadsheet) apply(_ context.Context, r *sheets.BatchUpdateSpreadsheetRequest) (*sheets.BatchUpdateSpreadsheetResponse, error) {
	next, resp := s.copy(), &sheets.BatchUpdateSpreadsheetResponse{}
	for _, q := range r.Requests {
		reply, err := next.one(q)
		if err != nil {
			return nil, err
		}
		resp.Replies = append(resp.Replies, reply)
	}
	*s = *next
	return resp, nil
}

func (s *spreadsheet) one(q *sheets.Request) (*sheets.Response, error) {
	switch {
	case q.CreateDeveloperMetadata != nil:
		m := q.CreateDeveloperMetadata.DeveloperMetadata
		if _, exists := s.items[m.MetadataId]; exists && !s.noFenceID {
			return nil, errRefused
		}
		s.items[m.MetadataId] = item{m.MetadataKey, m.MetadataValue}
	case q.UpdateDeveloperMetadata != nil:
		return s.update(q.UpdateDeveloperMetadata)
	case q.DeleteDeveloperMetadata != nil:
		id := q.DeleteDeveloperMetadata.DataFilter.DeveloperMetadataLookup.MetadataId
		if _, exists := s.items[id]; !exists && !s.lenient {
			return nil, errRefused
		}
		delete(s.items, id)
	case q.AddSheet != nil:
		p := q.AddSheet.Properties
		if _, exists := s.tabs[p.SheetId]; exists {
			return nil, errRefused
		}
		s.tabs[p.SheetId] = tab{title: p.Title}
	case q.AppendCells != nil:
		return &sheets.Response{}, s.append(q.AppendCells)
	default:
		return nil, errors.New("simulation: a kind of request that it does not know")
	}
	return &sheets.Response{}, nil
}

func (s *spreadsheet) update(u *sheets.UpdateDeveloperMetadataRequest) (*sheets.Response, error) {
	l := u.DataFilters[0].DeveloperMetadataLookup
	x, exists := s.items[l.MetadataId]
	if !exists || l.MetadataValue != x.value && !s.unconditional {
		if !s.lenient {
			return nil, errRefused
		}
		s.unmatched++
		return &sheets.Response{UpdateDeveloperMetadata: &sheets.UpdateDeveloperMetadataResponse{}}, nil
	}
	s.back += movedBack(x.value, u.DeveloperMetadata.MetadataValue)
	s.items[l.MetadataId] = item{x.key, u.DeveloperMetadata.MetadataValue}
	return &sheets.Response{UpdateDeveloperMetadata: &sheets.UpdateDeveloperMetadataResponse{
		DeveloperMetadata: []*sheets.DeveloperMetadata{{MetadataId: l.MetadataId}}}}, nil
}

func (s *spreadsheet) append(a *sheets.AppendCellsRequest) error {
	t, exists := s.tabs[a.SheetId]
	if !exists {
		return errRefused
	}
	rows := slices.Clip(t.rows)
	for _, r := range a.Rows {
		row := [2]string{*r.Values[0].UserEnteredValue.StringValue, *r.Values[1].UserEnteredValue.StringValue}
		if n := len(rows); n > len(t.rows) && rows[n-1][1] != "Id" && rows[n-1][0] > row[0] {
			s.unordered++
		}
		rows = append(rows, row)
	}
	t.rows = rows
	s.tabs[a.SheetId] = t
	return nil
}

// movedBack is 1 when a vector of the same topic loses ground.
func movedBack(old, value string) int {
	a, err1 := sheet.ParseVector(old)
	b, err2 := sheet.ParseVector(value)
	if err1 != nil || err2 != nil || a.TopicID != b.TopicID {
		return 0
	}
	for p, o := range a.Offsets {
		if p >= len(b.Offsets) || b.Offsets[p] < o {
			return 1
		}
	}
	return 0
}
