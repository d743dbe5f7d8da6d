package sheetsemulator

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
)

func (b *batch) addSheet(ctx context.Context, r *addSheetRequest) (*addSheetResponse, error) {
	p := r.Properties
	if p == nil {
		p = &sheetProperties{}
	}
	if p.SheetType != "" && p.SheetType != "GRID" {
		return nil, notImplemented("properties.sheetType=" + p.SheetType)
	}
	if len(b.book.tabs) >= maxTabs {
		return nil, invalid("A spreadsheet can have at most %d sheets.", maxTabs)
	}
	id, err := b.newSheetID(p.SheetID)
	if err != nil {
		return nil, err
	}
	t := &tab{id: id, title: p.Title}
	if t.title == "" {
		t.title = b.freeTitle()
	}
	wanted := gridProperties{RowCount: defaultRows, ColumnCount: defaultColumns}
	if g := p.GridProperties; g != nil {
		wanted.FrozenRowCount, wanted.FrozenColumnCount = g.FrozenRowCount, g.FrozenColumnCount
		if g.RowCount != 0 {
			wanted.RowCount = g.RowCount
		}
		if g.ColumnCount != 0 {
			wanted.ColumnCount = g.ColumnCount
		}
	}
	if err := checkTitle(b.book, t, t.title); err != nil {
		return nil, err
	}
	if err := b.setGrid(t, &wanted); err != nil {
		return nil, err
	}
	t.hidden = p.Hidden
	if err := insertTab(ctx, b.tx, b.book.id, t); err != nil {
		return nil, err
	}
	index := len(b.book.tabs)
	if p.Index != nil {
		if *p.Index < 0 || int(*p.Index) > index {
			return nil, invalid("index %d is out of bounds: the spreadsheet has %d sheets.", *p.Index, index)
		}
		index = int(*p.Index)
	}
	b.book.tabs = slices.Insert(b.book.tabs, index, t)
	return &addSheetResponse{Properties: b.book.sheetProperties(t)}, nil
}

func (b *batch) newSheetID(given *int32) (int32, error) {
	switch {
	case given == nil:
		for {
			if id := randomID(); b.book.tab(id) == nil {
				return id, nil
			}
		}
	case *given < 0:
		return 0, invalid("sheetId %d must not be negative.", *given)
	case b.book.tab(*given) != nil:
		return 0, invalid("A sheet with the ID %d already exists.", *given)
	}
	return *given, nil
}

func (b *batch) freeTitle() string {
	for n := len(b.book.tabs) + 1; ; n++ {
		if title := "Sheet" + strconv.Itoa(n); b.book.tabByTitle(title) == nil {
			return title
		}
	}
}

func checkTitle(book *book, t *tab, title string) error {
	if other := book.tabByTitle(title); other != nil && other != t {
		return invalid("A sheet with the name \"%s\" already exists. Please enter another name.", title)
	}
	if n := utf16Len(title); n == 0 || n > maxTitleChars {
		return invalid("A sheet's title has 1 to %d characters, this one has %d.", maxTitleChars, n)
	}
	return nil
}

// setGrid gives a tab the size and frozen parts of g; it does not touch cells.
func (b *batch) setGrid(t *tab, g *gridProperties) error {
	switch {
	case g.RowCount < 1 || g.ColumnCount < 1:
		return invalid("A sheet must have at least one row and one column: rowCount %d, columnCount %d.", g.RowCount, g.ColumnCount)
	case g.FrozenRowCount < 0 || g.FrozenColumnCount < 0:
		return invalid("frozenRowCount and frozenColumnCount must not be negative.")
	case g.FrozenRowCount >= g.RowCount:
		return invalid("You can't freeze all visible rows on the sheet.")
	case g.FrozenColumnCount >= g.ColumnCount:
		return invalid("You can't freeze all visible columns on the sheet.")
	}
	if err := b.book.resize(t, int(g.RowCount), int(g.ColumnCount)); err != nil {
		return err
	}
	t.frozenRows, t.frozenColumns = int(g.FrozenRowCount), int(g.FrozenColumnCount)
	return nil
}

func (b *batch) deleteSheet(ctx context.Context, r *deleteSheetRequest) error {
	t, err := b.sheet(r.SheetID)
	if err != nil {
		return err
	}
	if err := b.keepOneVisible(t, "You can't remove all the visible sheets in a document."); err != nil {
		return err
	}
	for _, statement := range []string{
		"DELETE FROM rows WHERE tab = ?", "DELETE FROM metadata WHERE tab = ?", "DELETE FROM tabs WHERE key = ?",
	} {
		if _, err := b.tx.ExecContext(ctx, statement, t.key); err != nil {
			return fmt.Errorf("delete tab: %w", err)
		}
	}
	i := b.book.index(t)
	b.book.tabs = slices.Delete(b.book.tabs, i, i+1)
	return nil
}

// keepOneVisible refuses with text when no other tab than t is visible.
func (b *batch) keepOneVisible(t *tab, text string) error {
	for _, other := range b.book.tabs {
		if other != t && !other.hidden {
			return nil
		}
	}
	return invalid("%s", text)
}

func (b *batch) updateSheetProperties(ctx context.Context, r *updateSheetPropertiesRequest) error {
	if err := b.bodyMask(r.Fields, sheetProperties{}); err != nil {
		return err
	}
	if r.Properties == nil {
		r.Properties = &sheetProperties{}
	}
	var id int32 // a missing sheetId is 0
	if r.Properties.SheetID != nil {
		id = *r.Properties.SheetID
	}
	t, err := b.sheet(id)
	if err != nil {
		return err
	}
	wanted := *b.book.sheetProperties(t)
	b.schema.assign(reflect.ValueOf(&wanted).Elem(), reflect.ValueOf(r.Properties).Elem(), r.Fields)
	if err := checkTitle(b.book, t, wanted.Title); err != nil {
		return err
	}
	if wanted.GridProperties == nil {
		wanted.GridProperties = &gridProperties{}
	}
	if wanted.Hidden && !t.hidden {
		if err := b.keepOneVisible(t, "You can't hide all the sheets in a document."); err != nil {
			return err
		}
	}
	t.title, t.hidden = wanted.Title, wanted.Hidden
	rows, columns := t.rows, t.columns
	if err := b.setGrid(t, wanted.GridProperties); err != nil {
		return err
	}
	if err := b.cut(ctx, t, rows, columns); err != nil {
		return err
	}
	return b.move(t, wanted.Index)
}

// move puts a tab in front of the one that has the index now; a missing index is the end.
func (b *batch) move(t *tab, index *int32) error {
	from, to := b.book.index(t), len(b.book.tabs)
	if index != nil {
		to = int(*index)
	}
	if to < 0 || to > len(b.book.tabs) {
		return invalid("index %d is out of bounds: the spreadsheet has %d sheets.", to, len(b.book.tabs))
	}
	if to == from || to == from+1 {
		return nil
	}
	b.book.tabs = slices.Delete(b.book.tabs, from, from+1)
	if to > from {
		to--
	}
	b.book.tabs = slices.Insert(b.book.tabs, to, t)
	return nil
}
