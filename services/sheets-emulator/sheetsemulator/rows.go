package sheetsemulator

import (
	"context"
	"database/sql"
	"fmt"
)

// blockRows is how many rows are held in memory at a time while cells are written.
const blockRows = 500

// eachRow gives the stored rows of a tab from start up to end, in order; rows without a record are left out.
func eachRow(ctx context.Context, tx *sql.Tx, t *tab, start, end int, emit func(row int, cells []cell) error) error {
	rows, err := tx.QueryContext(ctx, "SELECT row, cells FROM rows WHERE tab = ? AND row >= ? AND row < ? ORDER BY row", t.key, start, end)
	if err != nil {
		return fmt.Errorf("read rows: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var (
			row  int
			text string
		)
		if err := rows.Scan(&row, &text); err != nil {
			return fmt.Errorf("read row: %w", err)
		}
		cells, err := decodeRow(text)
		if err != nil {
			return fmt.Errorf("read row %d of tab %d: %w", row+1, t.id, err)
		}
		if err := emit(row, cells); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read rows: %w", err)
	}
	return nil
}

// eachRowFilled is eachRow with an empty row for every one without a record, up to the last that has one.
func eachRowFilled(ctx context.Context, tx *sql.Tx, t *tab, a area, emit func(row int, cells []cell) error) error {
	next := a.startRow
	return eachRow(ctx, tx, t, a.startRow, a.endRow, func(row int, cells []cell) error {
		for ; next < row; next++ {
			if err := emit(next, nil); err != nil {
				return err
			}
		}
		next++
		if len(cells) > a.endColumn {
			cells = cells[:a.endColumn]
		}
		return emit(row, cells[min(a.startColumn, len(cells)):])
	})
}

// readBlock holds the rows from start up to end in memory: at most blockRows of them.
func readBlock(ctx context.Context, tx *sql.Tx, t *tab, start, end int) (map[int][]cell, error) {
	block := map[int][]cell{}
	err := eachRow(ctx, tx, t, start, end, func(row int, cells []cell) error {
		block[row] = cells
		return nil
	})
	return block, err
}

// rowWriter writes single rows with prepared statements, for the length of a transaction.
type rowWriter struct {
	put, remove *sql.Stmt
}

func newRowWriter(ctx context.Context, tx *sql.Tx) (*rowWriter, error) {
	put, err := tx.PrepareContext(ctx, `INSERT INTO rows (tab, row, width, cells) VALUES (?, ?, ?, ?)
		ON CONFLICT (tab, row) DO UPDATE SET width = excluded.width, cells = excluded.cells`)
	if err != nil {
		return nil, fmt.Errorf("prepare writing rows: %w", err)
	}
	remove, err := tx.PrepareContext(ctx, "DELETE FROM rows WHERE tab = ? AND row = ?")
	if err != nil {
		return nil, fmt.Errorf("prepare removing rows: %w", err)
	}
	return &rowWriter{put, remove}, nil
}

// write stores one row, or removes its record when nothing is in it, and returns its width.
func (w *rowWriter) write(ctx context.Context, t *tab, row int, cells []cell) (width int, err error) {
	text, width, err := encodeRow(cells)
	if err != nil {
		return 0, err
	}
	if text == "" {
		_, err = w.remove.ExecContext(ctx, t.key, row)
	} else {
		_, err = w.put.ExecContext(ctx, t.key, row, width, text)
	}
	if err != nil {
		return 0, fmt.Errorf("write row: %w", err)
	}
	return width, nil
}

// refill finds the last row with a value anew, after values were taken away at the end of the tab.
func refill(ctx context.Context, tx *sql.Tx, t *tab) error {
	err := tx.QueryRowContext(ctx, `SELECT coalesce((SELECT row + 1 FROM rows WHERE tab = ? AND width > 0
		ORDER BY row DESC LIMIT 1), 0)`, t.key).Scan(&t.filled)
	if err != nil {
		return fmt.Errorf("find last row: %w", err)
	}
	return nil
}
