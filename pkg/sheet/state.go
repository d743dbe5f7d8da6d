package sheet

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"google.golang.org/api/sheets/v4"
)

// ReadFields is the field mask of the one read that tells a flusher everything.
const ReadFields = "spreadsheetId,properties.title,developerMetadata,sheets.properties(sheetId,title,gridProperties)"

// Tab is one sheet of a spreadsheet.
type Tab struct {
	ID      int64
	Title   string
	Columns int64
}

// Item is a form's vector as it stands in the spreadsheet.
type Item struct {
	ID     int64
	Value  string // as read: the condition of the next update
	Vector Vector
	Err    error // Value is not a vector
}

// State is what one read of a spreadsheet tells. It is never changed; Advance makes a new one.
type State struct {
	Spreadsheet string
	Tabs        []Tab
	Fences      []Fence          // by id
	Items       map[string]Item  // by form
	Doubled     map[string]bool  // forms with more than one vector
	ids         map[int64]string // every metadata id in use, and its key
}

// ParseState reads the answer of spreadsheets.get with ReadFields.
func ParseState(s *sheets.Spreadsheet) *State {
	st := &State{Spreadsheet: s.SpreadsheetId, Items: map[string]Item{}, Doubled: map[string]bool{}, ids: map[int64]string{}}
	for _, t := range s.Sheets {
		tab := Tab{ID: t.Properties.SheetId, Title: t.Properties.Title}
		if g := t.Properties.GridProperties; g != nil {
			tab.Columns = g.ColumnCount
		}
		st.Tabs = append(st.Tabs, tab)
	}
	for _, m := range s.DeveloperMetadata {
		st.ids[m.MetadataId] = m.MetadataKey
		form, isVector := strings.CutPrefix(m.MetadataKey, vectorPrefix)
		switch {
		case m.MetadataKey == FenceKey:
			st.Fences = append(st.Fences, parseFence(m.MetadataId, m.MetadataValue))
		case isVector:
			if _, twice := st.Items[form]; twice {
				st.Doubled[form] = true
			}
			v, err := ParseVector(m.MetadataValue)
			st.Items[form] = Item{ID: m.MetadataId, Value: m.MetadataValue, Vector: v, Err: err}
		}
	}
	slices.SortFunc(st.Fences, func(a, b Fence) int { return cmp.Compare(a.ID, b.ID) })
	return st
}

// Unchanged reports whether o has the same fences, vectors and tabs.
func (s *State) Unchanged(o *State) bool {
	tabs := func(a, b Tab) int { return cmp.Compare(a.ID, b.ID) }
	return slices.Equal(slices.SortedFunc(slices.Values(s.Tabs), tabs), slices.SortedFunc(slices.Values(o.Tabs), tabs)) &&
		slices.EqualFunc(s.Fences, o.Fences, func(a, b Fence) bool { return a.ID == b.ID && a.Nonce == b.Nonce }) &&
		maps.EqualFunc(s.Items, o.Items, func(a, b Item) bool { return a.ID == b.ID && a.Value == b.Value })
}

// Held returns the fence that holds the form, if one does.
func (s *State) Held(form string) (Fence, bool) {
	i := slices.IndexFunc(s.Fences, func(f Fence) bool { return slices.Contains(f.Parked, form) })
	if i < 0 {
		return Fence{}, false
	}
	return s.Fences[i], true
}

// Tab finds a form's tab: the one that we made for it, even if a person has renamed it, else the one of that title.
func (s *State) Tab(form, title string) (Tab, bool) {
	own := tabID(form, title)
	if i := slices.IndexFunc(s.Tabs, func(t Tab) bool { return t.ID == own }); i >= 0 {
		return s.Tabs[i], true
	}
	if i := slices.IndexFunc(s.Tabs, func(t Tab) bool { return strings.EqualFold(t.Title, title) }); i >= 0 {
		return s.Tabs[i], true
	}
	return Tab{}, false
}

// tabID is the sheetId of a tab that we make: the same each time, so that a renamed tab is found again.
func tabID(form, title string) int64 { return 1 + hash30("tab "+form+" "+title) }

// Taken is the state with ids known to be in use although the read does not show them: ids are the spreadsheet's, but items that
// somebody has put on a tab, a column or a row are not among its own.
func (s *State) Taken(ids map[int64]bool) *State {
	n := *s
	n.ids = maps.Clone(s.ids)
	for id := range ids {
		if _, shown := n.ids[id]; !shown {
			n.ids[id] = "?"
		}
	}
	return &n
}

// nextFence is one above the highest fence and the highest number of any vector, past ids that others hold.
func (s *State) nextFence() int64 {
	id := int64(FirstFence - 1)
	for _, f := range s.Fences {
		id = max(id, f.ID)
	}
	for _, x := range s.Items {
		id = max(id, x.Vector.Number)
	}
	for id++; ; id++ {
		if _, used := s.ids[id]; !used {
			return id
		}
	}
}

// vectorID is where a form's vector is to be created.
func (s *State) vectorID(form string) int64 {
	for h := hash30(form); ; h = (h + 1) % vectorIDs {
		id := firstVector + h
		if _, used := s.ids[id]; !used {
			return id
		}
	}
}

// expired returns the oldest fences beyond the newest keep, at most limit of them. One that holds a form stays.
func (s *State) expired(keep, limit int) (ids []int64) {
	for i := 0; i < len(s.Fences)-keep && len(ids) < limit; i++ {
		if len(s.Fences[i].Parked) == 0 {
			ids = append(ids, s.Fences[i].ID)
		}
	}
	return ids
}
