package sheetsemulator

import (
	"context"
	"fmt"
	"slices"
)

const (
	dimensionRows    = "ROWS"
	dimensionColumns = "COLUMNS"
)

func (t *tab) length(dimension string) int {
	if dimension == dimensionColumns {
		return t.columns
	}
	return t.rows
}

func (b *batch) appendDimension(r *appendDimensionRequest) error {
	t, err := b.sheet(r.SheetID)
	switch {
	case err != nil:
		return err
	case r.Length < 1:
		return invalid("length must be greater than 0, not %d.", r.Length)
	}
	return b.lengthen(t, r.Dimension, int(r.Length))
}

// lengthen makes the grid larger, or smaller, at its end.
func (b *batch) lengthen(t *tab, dimension string, by int) error {
	switch dimension {
	case dimensionRows:
		return b.book.resize(t, t.rows+by, t.columns)
	case dimensionColumns:
		return b.book.resize(t, t.rows, t.columns+by)
	}
	return invalid("No dimension specified.")
}

func (b *batch) insertDimension(ctx context.Context, r *insertDimensionRequest) error {
	t, start, end, err := b.dimension(r.Range)
	if err != nil {
		return err
	}
	length := t.length(r.Range.Dimension)
	switch {
	case start > length:
		return invalid("range.startIndex is larger than current grid size (%d)", length)
	case start == length && !r.InheritFromBefore:
		return invalid("range.startIndex must be less than the grid size (%d) if inheritFromBefore is false.", length)
	case start == 0 && r.InheritFromBefore:
		return invalid("inheritFromBefore cannot be true when inserting at index 0.")
	}
	if err := b.lengthen(t, r.Range.Dimension, end-start); err != nil {
		return err
	}
	if r.Range.Dimension == dimensionRows {
		return b.shiftRows(ctx, t, start, 0, end-start)
	}
	return b.shiftColumns(ctx, t, start, 0, end-start)
}

func (b *batch) deleteDimension(ctx context.Context, r *deleteDimensionRequest) error {
	t, start, end, err := b.dimension(r.Range)
	if err != nil {
		return err
	}
	rows := r.Range.Dimension == dimensionRows
	length := t.length(r.Range.Dimension)
	frozen, count := t.frozenColumns, max(0, min(end, t.frozenColumns)-start)
	if rows {
		frozen, count = t.frozenRows, max(0, min(end, t.frozenRows)-start)
	}
	switch {
	case end > length:
		return invalid("Cannot delete [%d, %d): the grid size is %d.", start, end, length)
	case length-(end-start) <= frozen-count:
		return invalid("Sorry, it is not possible to delete all non-frozen %s.", map[bool]string{true: "rows", false: "columns"}[rows])
	}
	if err := b.lengthen(t, r.Range.Dimension, start-end); err != nil {
		return err
	}
	if rows {
		t.frozenRows -= count
		return b.shiftRows(ctx, t, start, end-start, start-end)
	}
	t.frozenColumns -= count
	return b.shiftColumns(ctx, t, start, end-start, start-end)
}

// dimension reads a range that must have both ends.
func (b *batch) dimension(r *dimensionRange) (t *tab, start, end int, err error) {
	if r == nil {
		return nil, 0, 0, invalid("range must be specified.")
	}
	if t, err = b.sheet(r.SheetID); err != nil {
		return nil, 0, 0, err
	}
	end = t.length(r.Dimension)
	if r.StartIndex != nil {
		start = int(*r.StartIndex)
	}
	if r.EndIndex != nil {
		end = int(*r.EndIndex)
	}
	switch {
	case r.Dimension == "":
		return nil, 0, 0, invalid("No dimension specified.")
	case start < 0 || end <= start:
		return nil, 0, 0, invalid("range [%d, %d) must not be empty, nor begin before 0.", start, end)
	}
	return t, start, end, nil
}

// shiftRows removes rows at start, then moves the later ones by.
func (b *batch) shiftRows(ctx context.Context, t *tab, start, removed, by int) error {
	if _, err := b.tx.ExecContext(ctx, "DELETE FROM rows WHERE tab = ? AND row >= ? AND row < ?", t.key, start, start+removed); err != nil {
		return fmt.Errorf("remove rows: %w", err)
	}
	// Through negative numbers, since a moved row must not meet one that has yet to move.
	for _, statement := range []string{
		"UPDATE rows SET row = -row - 1 WHERE tab = ?1 AND row >= ?2",
		"UPDATE rows SET row = -row - 1 + ?3 WHERE tab = ?1 AND row < 0",
	} {
		if _, err := b.tx.ExecContext(ctx, statement, t.key, start, by); err != nil {
			return fmt.Errorf("move rows: %w", err)
		}
	}
	if err := shiftMetadata(ctx, b.tx, t, locationRow, start, removed, by); err != nil {
		return err
	}
	return refill(ctx, b.tx, t)
}

// shiftColumns removes columns at start, then moves the later ones by, in every row, a block of rows at a time.
func (b *batch) shiftColumns(ctx context.Context, t *tab, start, removed, by int) error {
	inserted := make([]cell, max(0, by))
	err := b.rewrite(ctx, t, func(cells []cell) []cell {
		if start >= len(cells) {
			return cells
		}
		return slices.Replace(cells, start, min(start+removed, len(cells)), inserted...)
	})
	if err != nil {
		return err
	}
	if err := shiftMetadata(ctx, b.tx, t, locationColumn, start, removed, by); err != nil {
		return err
	}
	return refill(ctx, b.tx, t)
}

// rewrite changes every stored row of a tab.
func (b *batch) rewrite(ctx context.Context, t *tab, change func([]cell) []cell) error {
	for start := 0; start < t.rows; start += blockRows {
		block, err := readBlock(ctx, b.tx, t, start, start+blockRows)
		if err != nil {
			return err
		}
		for row, cells := range block {
			if _, err := b.rows.write(ctx, t, row, change(cells)); err != nil {
				return err
			}
		}
	}
	return nil
}

// cut removes what a smaller grid has no place for; rows and columns are the old size.
func (b *batch) cut(ctx context.Context, t *tab, rows, columns int) error {
	if t.columns < columns {
		if err := b.shiftColumns(ctx, t, t.columns, columns-t.columns, t.columns-columns); err != nil {
			return err
		}
	}
	if t.rows < rows {
		return b.shiftRows(ctx, t, t.rows, rows-t.rows, t.rows-rows)
	}
	return nil
}
