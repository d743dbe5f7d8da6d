package sheetsemulator

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

const (
	defaultJournalKeep = 10_000
	maxJournalKeep     = 1_000_000
	maxJournalBytes    = 256 << 20 // of all entries together
	maxJournalPage     = 100       // entries in one answer
	maxJournalAnswer   = 8 << 20   // bytes of rows in one answer, one entry at least
)

// journalEntry is one batchUpdate that was applied.
type journalEntry struct {
	Seq         int64            `json:"seq"` // grows by one with each batch of any spreadsheet
	Time        time.Time        `json:"time"`
	Spreadsheet string           `json:"spreadsheet"`
	Requests    []journalRequest `json:"requests"`
	Writes      []journalWrite   `json:"writes"`
}

// journalRequest is a kind of request, in the order of first appearance, and how many of it there were.
type journalRequest struct {
	Kind  string `json:"kind"`
	Count int    `json:"count"`
}

// journalWrite is what one request wrote: where, in rows counted from 1, and the values as text.
type journalWrite struct {
	SheetID  int32      `json:"sheetId"`
	Title    string     `json:"title"`
	FirstRow int        `json:"firstRow"`
	LastRow  int        `json:"lastRow"`
	Rows     [][]string `json:"rows"`
}

// journal notes rows that were written from the row start on.
func (b *batch) journal(t *tab, start int, rows []rowData) {
	if len(rows) == 0 {
		return
	}
	w := journalWrite{SheetID: t.id, Title: t.title, FirstRow: start + 1, LastRow: start + len(rows), Rows: make([][]string, len(rows))}
	for i := range rows {
		texts := make([]string, len(rows[i].Values))
		for k, d := range rows[i].Values {
			c, err := cellOf(d)
			if err == nil { // writeRow has refused the others
				texts[k] = c.text()
			}
		}
		w.Rows[i] = texts
	}
	b.writes = append(b.writes, w)
}

// journalRequests counts requests by kind.
func journalRequests(requests []request) []journalRequest {
	var counted []journalRequest
	at := map[string]int{}
	for i := range requests {
		kind := requests[i].kind()
		k, seen := at[kind]
		if !seen {
			k = len(counted)
			at[kind] = k
			counted = append(counted, journalRequest{Kind: kind})
		}
		counted[k].Count++
	}
	return counted
}

// insertJournal writes an entry and drops the oldest ones beyond the bounds. total adds up the sizes of all entries
// that there ever were, so that the bytes kept are a difference of two of them.
func (s *Store) insertJournal(ctx context.Context, tx *sql.Tx, e *journalEntry) error {
	requests, err := json.Marshal(e.Requests)
	if err != nil {
		return fmt.Errorf("encode journal: %w", err)
	}
	writes, err := json.Marshal(e.Writes)
	if err != nil {
		return fmt.Errorf("encode journal: %w", err)
	}
	var seq, total int64
	err = tx.QueryRowContext(ctx, `INSERT INTO journal (spreadsheet, time, requests, writes, total)
		VALUES (?, ?, ?, ?, ? + coalesce((SELECT total FROM journal ORDER BY seq DESC LIMIT 1), 0)) RETURNING seq, total`,
		e.Spreadsheet, e.Time.UnixMilli(), string(requests), string(writes), len(requests)+len(writes)).Scan(&seq, &total)
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM journal WHERE seq <= ?", seq-int64(s.journalKeep)); err != nil {
		return fmt.Errorf("trim journal: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM journal WHERE total <= ?", total-maxJournalBytes); err != nil {
		return fmt.Errorf("trim journal: %w", err)
	}
	return nil
}

// journalQuery selects entries of one spreadsheet, or of all when it is "".
type journalQuery struct {
	spreadsheet string
	after       int64 // entries with a greater seq, oldest first
	before      int64 // entries with a lesser seq, newest first; used when it is not 0
	limit       int
}

// readJournal gives entries up to the limits of one answer; more tells that there are others.
func readJournal(ctx context.Context, tx *sql.Tx, q journalQuery) (entries []journalEntry, more bool, err error) {
	where, order, bound := "seq > ?2", "seq", q.after
	if q.before != 0 {
		where, order, bound = "seq < ?2", "seq DESC", q.before
	}
	if q.spreadsheet != "" {
		where = "spreadsheet = ?1 AND " + where
	}
	rows, err := tx.QueryContext(ctx, "SELECT seq, spreadsheet, time, requests, writes FROM journal WHERE "+where+
		" ORDER BY "+order+" LIMIT ?3", q.spreadsheet, bound, q.limit+1)
	if err != nil {
		return nil, false, fmt.Errorf("read journal: %w", err)
	}
	defer func() { _ = rows.Close() }()
	size := 0
	for rows.Next() {
		if len(entries) == q.limit || size > maxJournalAnswer {
			return entries, true, nil
		}
		var (
			e                journalEntry
			millis           int64
			requests, writes string
		)
		if err := rows.Scan(&e.Seq, &e.Spreadsheet, &millis, &requests, &writes); err != nil {
			return nil, false, fmt.Errorf("read journal: %w", err)
		}
		e.Time = time.UnixMilli(millis).UTC()
		if err := json.Unmarshal([]byte(requests), &e.Requests); err != nil {
			return nil, false, fmt.Errorf("read journal entry %d: %w", e.Seq, err)
		}
		if err := json.Unmarshal([]byte(writes), &e.Writes); err != nil {
			return nil, false, fmt.Errorf("read journal entry %d: %w", e.Seq, err)
		}
		size += len(writes)
		entries = append(entries, e)
	}
	if err := rows.Err(); err != nil {
		return nil, false, fmt.Errorf("read journal: %w", err)
	}
	return entries, false, nil
}
