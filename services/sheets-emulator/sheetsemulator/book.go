package sheetsemulator

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

const (
	defaultRows    = 1000
	defaultColumns = 26
	maxTabs        = 200
	maxTitleChars  = 100
	maxCells       = 10_000_000 // of all tabs of a spreadsheet, empty ones counted
)

// book is a spreadsheet without its cells.
type book struct {
	id      string
	title   string
	changes int64  // counts the batches applied; pages look at it to see whether they are stale
	tabs    []*tab // in the order of the tab strip
}

// tab is one tab of a book without its cells.
type tab struct {
	key           int64 // in the data file; never used again
	id            int32 // Google's sheetId
	title         string
	hidden        bool
	rows, columns int
	frozenRows    int
	frozenColumns int
	filled        int // rows up to the last one with a value
}

func loadBook(ctx context.Context, tx *sql.Tx, id string) (*book, error) {
	b := &book{id: id}
	err := tx.QueryRowContext(ctx, "SELECT title, changes FROM spreadsheets WHERE id = ?", id).Scan(&b.title, &b.changes)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound()
	}
	if err != nil {
		return nil, fmt.Errorf("read spreadsheet: %w", err)
	}
	rows, err := tx.QueryContext(ctx, `SELECT key, id, title, hidden, rows, columns, frozen_rows, frozen_columns, filled
		FROM tabs WHERE spreadsheet = ? ORDER BY position`, id)
	if err != nil {
		return nil, fmt.Errorf("read tabs: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		t := &tab{}
		if err := rows.Scan(&t.key, &t.id, &t.title, &t.hidden, &t.rows, &t.columns, &t.frozenRows, &t.frozenColumns, &t.filled); err != nil {
			return nil, fmt.Errorf("read tab: %w", err)
		}
		b.tabs = append(b.tabs, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read tabs: %w", err)
	}
	return b, nil
}

// save writes the tabs and their order. Tabs are few (maxTabs), so all of them are written.
func (b *book) save(ctx context.Context, tx *sql.Tx) error {
	for i, t := range b.tabs {
		_, err := tx.ExecContext(ctx, `UPDATE tabs SET title = ?, position = ?, hidden = ?, rows = ?, columns = ?,
			frozen_rows = ?, frozen_columns = ?, filled = ? WHERE key = ?`,
			t.title, i, t.hidden, t.rows, t.columns, t.frozenRows, t.frozenColumns, t.filled, t.key)
		if err != nil {
			return fmt.Errorf("write tab: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE spreadsheets SET changes = changes + 1 WHERE id = ?", b.id); err != nil {
		return fmt.Errorf("write spreadsheet: %w", err)
	}
	return nil
}

func insertTab(ctx context.Context, tx *sql.Tx, spreadsheet string, t *tab) error {
	res, err := tx.ExecContext(ctx, `INSERT INTO tabs (spreadsheet, id, title, position, hidden, rows, columns, frozen_rows, frozen_columns, filled)
		VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, 0)`, spreadsheet, t.id, t.title, t.hidden, t.rows, t.columns, t.frozenRows, t.frozenColumns)
	if err != nil {
		return fmt.Errorf("write tab: %w", err)
	}
	if t.key, err = res.LastInsertId(); err != nil {
		return fmt.Errorf("write tab: %w", err)
	}
	return nil
}

func (b *book) tab(id int32) *tab {
	for _, t := range b.tabs {
		if t.id == id {
			return t
		}
	}
	return nil
}

func (b *book) tabByKey(key int64) *tab {
	for _, t := range b.tabs {
		if t.key == key {
			return t
		}
	}
	return nil
}

// tabByTitle finds a tab as Google does, upper and lower case alike.
func (b *book) tabByTitle(title string) *tab {
	for _, t := range b.tabs {
		if strings.EqualFold(t.title, title) {
			return t
		}
	}
	return nil
}

func (b *book) index(t *tab) int {
	for i := range b.tabs {
		if b.tabs[i] == t {
			return i
		}
	}
	return -1
}

func (b *book) cells() int {
	n := 0
	for _, t := range b.tabs {
		n += t.rows * t.columns
	}
	return n
}

// resize gives t, which may be a tab that is yet to be added, a new grid and refuses one that the spreadsheet has no
// room for.
func (b *book) resize(t *tab, rows, columns int) error {
	if columns > maxColumns {
		return invalid("Number of columns exceeds the limit of %d.", maxColumns)
	}
	if grown := b.cells() - t.rows*t.columns + rows*columns; grown > maxCells && rows*columns > t.rows*t.columns {
		return tooManyCells()
	}
	t.rows, t.columns = rows, columns
	return nil
}

func tooManyCells() error {
	return invalid("This action would increase the number of cells in the workbook above the limit of %d cells.", maxCells)
}

// find reads a range as Google does and bounds it to the tab's grid.
func (b *book) find(text string) (*tab, area, error) {
	r, ok := splitA1(text)
	if (!ok || r.whole) && isR1C1(text) {
		return nil, area{}, notImplemented("R1C1 notation")
	}
	t := b.tabByTitle(r.title)
	if r.title == "" && len(b.tabs) > 0 {
		t = b.tabs[0]
	}
	switch {
	case !ok || t == nil:
		return nil, area{}, invalid("Unable to parse range: %s", text)
	case r.whole:
		return t, t.whole(), nil
	}
	a, err := t.bound(r.area)
	return t, a, err
}

func (t *tab) whole() area { return area{endRow: t.rows, endColumn: t.columns} }

// bound closes open edges and cuts what lies beyond the grid; an area that begins there is refused.
func (t *tab) bound(a area) (area, error) {
	if a.startRow >= t.rows || a.startColumn >= t.columns {
		end := a
		if end.endRow == unbounded {
			end.endRow = t.rows
		}
		if end.endColumn == unbounded {
			end.endColumn = t.columns
		}
		end.endRow, end.endColumn = max(end.endRow, end.startRow+1), max(end.endColumn, end.startColumn+1)
		return a, invalid("Range (%s) exceeds grid limits. Max rows: %d, max columns: %d", writeA1(t.title, end), t.rows, t.columns)
	}
	if a.endRow == unbounded || a.endRow > t.rows {
		a.endRow = t.rows
	}
	if a.endColumn == unbounded || a.endColumn > t.columns {
		a.endColumn = t.columns
	}
	return a, nil
}

func (b *book) sheetProperties(t *tab) *sheetProperties {
	index := int32(b.index(t))
	id := t.id
	return &sheetProperties{
		SheetID: &id, Title: t.title, Index: &index, SheetType: "GRID", Hidden: t.hidden,
		GridProperties: &gridProperties{
			RowCount: int32(t.rows), ColumnCount: int32(t.columns),
			FrozenRowCount: int32(t.frozenRows), FrozenColumnCount: int32(t.frozenColumns),
		},
	}
}
