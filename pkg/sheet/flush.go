package sheet

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/api/sheets/v4"
)

const (
	defaultColumns  = 26 // of a tab made by us, at least
	defaultRows     = 1000
	deletesPerFlush = 50
)

// Row is one encoded row and its size in the request.
type Row struct {
	data *sheets.RowData
	Size int // bytes of JSON
}

// NewRow encodes the cells of a row as strings; an empty string is an empty cell.
func NewRow(cells []string) (Row, error) {
	values := make([]*sheets.CellData, len(cells))
	for i, c := range cells {
		values[i] = &sheets.CellData{}
		if c != "" {
			values[i].UserEnteredValue = &sheets.ExtendedValue{StringValue: &c}
		}
	}
	row := &sheets.RowData{Values: values}
	b, err := json.Marshal(row)
	if err != nil {
		return Row{}, fmt.Errorf("encode row: %w", err)
	}
	return Row{data: row, Size: len(b) + 1}, nil
}

// Part is what one form contributes to a flush.
type Part struct {
	Form    string
	Title   string   // of the tab
	Header  []string // written above the rows in the form's first flush
	Headed  bool     // its tab has the header already
	TopicID string
	Offsets []int64 // the vector after the flush; index = partition
	Rows    []Row   // in the order in which they are to stand
}

// Flush is one request and what it stands for. The same Flush may be sent any number of times; it is applied at most once.
type Flush struct {
	Fence   Fence
	Planned time.Time // when its entries were read from the buffer
	Parts   []Part
	Request *sheets.BatchUpdateSpreadsheetRequest
	updates map[string]int // form -> index of its vector's update in the request
	created map[string]int64
	deleted []int64
	tabs    []Tab
}

// Rows counts the rows of all parts.
func (f *Flush) Rows() (n int) {
	for _, p := range f.Parts {
		n += len(p.Rows)
	}
	return n
}

// Flush makes the request that writes the parts on top of this state: fence, vectors, tabs, rows, and the deletion of fences
// beyond the newest keep. nonce tells this flush from every other one of the same number.
func (s *State) Flush(nonce string, keep int, planned time.Time, parts []Part) *Flush {
	f := &Flush{
		Fence: Fence{ID: s.nextFence(), Nonce: nonce}, Planned: planned, Parts: parts,
		Request: &sheets.BatchUpdateSpreadsheetRequest{}, updates: map[string]int{}, created: map[string]int64{},
	}
	f.create(f.Fence.ID, FenceKey, f.Fence.Value())
	for _, p := range parts {
		f.vector(s, p)
	}
	for _, p := range parts {
		f.rows(s, p)
	}
	for _, id := range s.expired(keep, deletesPerFlush) {
		f.deleted = append(f.deleted, id)
		f.add(&sheets.Request{DeleteDeveloperMetadata: &sheets.DeleteDeveloperMetadataRequest{DataFilter: byID(id, "")}})
	}
	return f
}

func (f *Flush) add(r *sheets.Request) { f.Request.Requests = append(f.Request.Requests, r) }

func (f *Flush) create(id int64, key, value string) {
	f.add(&sheets.Request{CreateDeveloperMetadata: &sheets.CreateDeveloperMetadataRequest{DeveloperMetadata: &sheets.DeveloperMetadata{
		MetadataId: id, MetadataKey: key, MetadataValue: value, Visibility: "DOCUMENT",
		Location: &sheets.DeveloperMetadataLocation{Spreadsheet: true},
	}}})
}

// byID selects a metadata item by its id and, unless empty, its value.
func byID(id int64, value string) *sheets.DataFilter {
	return &sheets.DataFilter{DeveloperMetadataLookup: &sheets.DeveloperMetadataLookup{MetadataId: id, MetadataValue: value}}
}

func setValue(id int64, old, value string) *sheets.Request {
	return &sheets.Request{UpdateDeveloperMetadata: &sheets.UpdateDeveloperMetadataRequest{
		DataFilters: []*sheets.DataFilter{byID(id, old)}, DeveloperMetadata: &sheets.DeveloperMetadata{MetadataValue: value}, Fields: "metadataValue",
	}}
}

func (f *Flush) vectorOf(p Part) Vector {
	return Vector{Number: f.Fence.ID, TopicID: p.TopicID, Offsets: p.Offsets}
}

func (f *Flush) vector(s *State, p Part) {
	value := f.vectorOf(p).String()
	if item, ok := s.Items[p.Form]; ok {
		f.updates[p.Form] = len(f.Request.Requests)
		f.add(setValue(item.ID, item.Value, value))
		return
	}
	f.created[p.Form] = s.vectorID(p.Form)
	f.create(f.created[p.Form], VectorKey(p.Form), value)
}

// rows appends the part's rows. A form's first flush makes the tab and its header even when it has no row, so that a vector
// without a tab means that the tab was deleted.
func (f *Flush) rows(s *State, p Part) {
	_, known := s.Items[p.Form]
	if known && len(p.Rows) == 0 {
		return
	}
	width := int64(len(p.Header))
	tab, ok := s.Tab(p.Form, p.Title)
	switch {
	case !ok:
		tab = Tab{ID: tabID(p.Form, p.Title), Title: p.Title, Columns: max(defaultColumns, width)}
		f.add(&sheets.Request{AddSheet: &sheets.AddSheetRequest{Properties: &sheets.SheetProperties{SheetId: tab.ID, Title: tab.Title,
			GridProperties: &sheets.GridProperties{RowCount: defaultRows, ColumnCount: tab.Columns, FrozenRowCount: 1}}}})
	case tab.Columns < width:
		f.add(&sheets.Request{AppendDimension: &sheets.AppendDimensionRequest{SheetId: tab.ID, Dimension: "COLUMNS", Length: width - tab.Columns}})
		tab.Columns = width
	}
	f.tabs = append(f.tabs, tab)
	var data []*sheets.RowData
	if !known && !p.Headed {
		data = append(data, header(p.Header))
	}
	for _, r := range p.Rows {
		data = append(data, r.data)
	}
	if len(data) == 0 {
		return
	}
	f.add(&sheets.Request{AppendCells: &sheets.AppendCellsRequest{SheetId: tab.ID, Rows: data, Fields: "userEnteredValue"}})
}

func header(names []string) *sheets.RowData {
	row := &sheets.RowData{}
	for _, n := range names {
		row.Values = append(row.Values, &sheets.CellData{UserEnteredValue: &sheets.ExtendedValue{StringValue: &n}})
	}
	return row
}

// Unmatched returns the forms whose vector the applied request did not find as it was: somebody wrote after this flush's
// fence was gone, so its rows may stand twice.
func (f *Flush) Unmatched(r *sheets.BatchUpdateSpreadsheetResponse) (forms []string) {
	for form, i := range f.updates {
		if i >= len(r.Replies) || r.Replies[i].UpdateDeveloperMetadata == nil || len(r.Replies[i].UpdateDeveloperMetadata.DeveloperMetadata) == 0 {
			forms = append(forms, form)
		}
	}
	slices.Sort(forms)
	return forms
}

// Advance is the state after the flush, so that a loop need not read its own writes.
func (s *State) Advance(f *Flush) *State {
	n := &State{Spreadsheet: s.Spreadsheet, Items: maps.Clone(s.Items), Doubled: s.Doubled, ids: maps.Clone(s.ids)}
	for _, x := range s.Fences {
		if slices.Contains(f.deleted, x.ID) {
			delete(n.ids, x.ID)
			continue
		}
		n.Fences = append(n.Fences, x)
	}
	n.Fences = append(n.Fences, f.Fence)
	n.ids[f.Fence.ID] = FenceKey
	for _, p := range f.Parts {
		v := f.vectorOf(p)
		item := Item{ID: s.Items[p.Form].ID, Value: v.String(), Vector: v}
		if id, ok := f.created[p.Form]; ok {
			item.ID, n.ids[id] = id, VectorKey(p.Form)
		}
		n.Items[p.Form] = item
	}
	for _, t := range s.Tabs {
		if i := slices.IndexFunc(f.tabs, func(x Tab) bool { return x.ID == t.ID }); i < 0 {
			n.Tabs = append(n.Tabs, t)
		}
	}
	n.Tabs = append(n.Tabs, f.tabs...)
	return n
}

// Hold makes the request that keeps forms parked in a fence, or, with none, lets go of them.
func Hold(fence Fence, forms []string) *sheets.BatchUpdateSpreadsheetRequest {
	held := Fence{ID: fence.ID, Nonce: fence.Nonce, Parked: forms}
	return &sheets.BatchUpdateSpreadsheetRequest{Requests: []*sheets.Request{setValue(fence.ID, fence.Value(), held.Value())}}
}
