package sheetsemulator

import (
	"context"
	"reflect"
)

func (b *batch) appendCells(ctx context.Context, r *appendCellsRequest) error {
	t, err := b.grid(r.SheetID)
	if err != nil {
		return err
	}
	if err := b.bodyMask(r.Fields, cellData{}); err != nil {
		return err
	}
	to := area{startRow: t.filled, endRow: t.filled + len(r.Rows), endColumn: t.columns}
	if err := checkColumns(r.Rows, 0, t.columns); err != nil {
		return err
	}
	if to.endRow > t.rows {
		if err := b.book.resize(t, to.endRow, t.columns); err != nil {
			return err
		}
	}
	return b.writeCells(ctx, t, to, r.Rows, r.Fields)
}

func (b *batch) updateCells(ctx context.Context, r *updateCellsRequest) error {
	if r.Start == nil && r.Range == nil {
		return invalid("Must specify either start or range.")
	}
	var (
		t   *tab
		to  area
		err error
	)
	if r.Start != nil {
		t, to, err = b.updateFrom(r.Start, r.Rows)
	} else {
		t, to, err = b.updateWithin(r.Range, r.Rows)
	}
	if err != nil {
		return err
	}
	if err := b.bodyMask(r.Fields, cellData{}); err != nil {
		return err
	}
	return b.writeCells(ctx, t, to, r.Rows, r.Fields)
}

// updateFrom is the area that rows cover from a cell on; each row may have its own width.
func (b *batch) updateFrom(start *gridCoordinate, rows []rowData) (*tab, area, error) {
	t, err := b.grid(start.SheetID)
	if err != nil {
		return nil, area{}, err
	}
	row, column := int(start.RowIndex), int(start.ColumnIndex)
	switch {
	case row < 0 || column < 0:
		return nil, area{}, invalid("GridCoordinate.rowIndex[%d] and columnIndex[%d] must not be negative", row, column)
	case row >= t.rows:
		return nil, area{}, invalid("GridCoordinate.rowIndex[%d] is after last row in grid[%d]", row, t.rows-1)
	case column >= t.columns:
		return nil, area{}, invalid("GridCoordinate.columnIndex[%d] is after last column in grid[%d]", column, t.columns-1)
	case row+len(rows) > t.rows:
		return nil, area{}, beyond("row", t.rows)
	}
	to := area{startRow: row, endRow: row + len(rows), startColumn: column, endColumn: t.columns}
	return t, to, checkColumns(rows, column, t.columns)
}

// updateWithin is the given range; rows must fit into it, and what they do not cover is cleared.
func (b *batch) updateWithin(r *gridRange, rows []rowData) (*tab, area, error) {
	t, err := b.grid(r.SheetID)
	if err != nil {
		return nil, area{}, err
	}
	to := area{startRow: int(r.StartRowIndex), endRow: t.rows, startColumn: int(r.StartColumnIndex), endColumn: t.columns}
	if r.EndRowIndex != nil {
		to.endRow = int(*r.EndRowIndex)
	}
	if r.EndColumnIndex != nil {
		to.endColumn = int(*r.EndColumnIndex)
	}
	switch {
	case to.startRow < 0 || to.startColumn < 0 || to.rows() < 0 || to.columns() < 0:
		return nil, area{}, invalid("Invalid range: indexes must not be negative, and the end must not be before the start.")
	case to.rows() > 0 && to.columns() > 0 && (to.endRow > t.rows || to.endColumn > t.columns):
		return nil, area{}, invalid("Range (%s) exceeds grid limits. Max rows: %d, max columns: %d", writeA1(t.title, to), t.rows, t.columns)
	case len(rows) > to.rows():
		return nil, area{}, beyond("row", to.endRow)
	}
	for i := range rows { // in a range, a row without its own cells is as wide as the range
		if missing := to.columns() - len(rows[i].Values); missing > 0 {
			rows[i].Values = append(rows[i].Values, make([]cellData, missing)...)
		}
	}
	return t, to, checkColumns(rows, to.startColumn, to.endColumn)
}

func checkColumns(rows []rowData, start, end int) error {
	for i := range rows {
		if start+len(rows[i].Values) > end {
			return beyond("column", end)
		}
	}
	return nil
}

// beyond is Google's refusal of a write past the end: the first row or column that is too many, and the last allowed.
func beyond(dimension string, end int) error {
	return invalid("Attempting to write %s: %d, beyond the last requested %s of: %d", dimension, end, dimension, end-1)
}

// writeCells writes rows at the start of an area that lies within the grid, and clears the rows of the area that
// are left, all for the fields of the mask only.
func (b *batch) writeCells(ctx context.Context, t *tab, to area, rows []rowData, m *mask) error {
	clearing := rowData{Values: make([]cellData, 0)}
	if len(rows) < to.rows() {
		clearing.Values = make([]cellData, to.columns())
	}
	lastFilled, emptied := t.filled, false
	for start := to.startRow; start < to.endRow; start += blockRows {
		end := min(start+blockRows, to.endRow)
		block, err := readBlock(ctx, b.tx, t, start, end)
		if err != nil {
			return err
		}
		for row := start; row < end; row++ {
			written := clearing
			if i := row - to.startRow; i < len(rows) {
				written = rows[i]
			} else if block[row] == nil {
				continue
			}
			width, err := b.writeRow(ctx, t, row, to.startColumn, block[row], written, m)
			if err != nil {
				return err
			}
			if width > 0 {
				lastFilled = max(lastFilled, row+1)
			} else if row+1 == t.filled {
				emptied = true
			}
		}
	}
	b.journal(t, to.startRow, rows)
	if emptied && lastFilled == t.filled {
		return refill(ctx, b.tx, t)
	}
	t.filled = lastFilled
	return nil
}

// writeRow writes the cells of one row over those that it has, and returns the row's width.
func (b *batch) writeRow(ctx context.Context, t *tab, row, column int, cells []cell, written rowData, m *mask) (int, error) {
	if missing := column + len(written.Values) - len(cells); missing > 0 {
		cells = append(cells, make([]cell, missing)...)
	}
	for i := range written.Values {
		old := cells[column+i].data()
		b.schema.assign(reflect.ValueOf(&old).Elem(), reflect.ValueOf(&written.Values[i]).Elem(), m)
		changed, err := cellOf(old)
		if err != nil {
			return 0, err
		}
		cells[column+i] = changed
	}
	return b.rows.write(ctx, t, row, cells)
}
