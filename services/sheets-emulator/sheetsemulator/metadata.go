package sheetsemulator

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// maxMetadataChars is Google's limit of keys and values together: once for the spreadsheet's own metadata, and once
// for each tab's, its rows and columns included.
const maxMetadataChars = 30_000

// Where metadata can be, as Google names it.
const (
	locationSpreadsheet = "SPREADSHEET"
	locationSheet       = "SHEET"
	locationRow         = "ROW"
	locationColumn      = "COLUMN"
)

// place is where an item of metadata is: tab is 0 for the spreadsheet, position a row's or column's index.
type place struct {
	location string
	tab      int64
	position int
}

const metadataColumns = "id, key, value, visibility, location, tab, position"

// item is one stored developer metadata.
type item struct {
	developerMetadata
	place
}

// queryMetadata reads the items of b that fulfil the condition, by id.
func queryMetadata(ctx context.Context, tx *sql.Tx, b *book, condition string, args ...any) ([]item, error) {
	rows, err := tx.QueryContext(ctx, "SELECT "+metadataColumns+" FROM metadata WHERE spreadsheet = ? AND ("+condition+") ORDER BY id",
		append([]any{b.id}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var items []item
	for rows.Next() {
		var it item
		if err := rows.Scan(&it.MetadataID, &it.MetadataKey, &it.MetadataValue, &it.Visibility, &it.location, &it.tab, &it.position); err != nil {
			return nil, fmt.Errorf("read metadata: %w", err)
		}
		it.Location = it.wire(b)
		items = append(items, it)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	return items, nil
}

// wire is the place as a client reads it.
func (p place) wire(b *book) *developerMetadataLocation {
	w := &developerMetadataLocation{LocationType: p.location}
	if p.location == locationSpreadsheet {
		w.Spreadsheet = true
		return w
	}
	var sheetID int32
	if t := b.tabByKey(p.tab); t != nil {
		sheetID = t.id
	}
	if p.location == locationSheet {
		w.SheetID = &sheetID
		return w
	}
	start, end := int32(p.position), int32(p.position)+1
	w.DimensionRange = &dimensionRange{SheetID: sheetID, Dimension: p.location + "S", StartIndex: &start, EndIndex: &end}
	return w
}

// placeOf reads a location that a client gave.
func placeOf(b *book, w *developerMetadataLocation) (place, error) {
	switch {
	case w != nil && w.Spreadsheet:
		return place{location: locationSpreadsheet}, nil
	case w != nil && w.SheetID != nil:
		t := b.tab(*w.SheetID)
		if t == nil {
			return place{}, noSheet(*w.SheetID)
		}
		return place{location: locationSheet, tab: t.key}, nil
	case w != nil && w.DimensionRange != nil:
		return placeOfDimension(b, w.DimensionRange)
	}
	return place{}, invalid("Developer metadata must have a location: spreadsheet, sheetId or dimensionRange.")
}

func placeOfDimension(b *book, r *dimensionRange) (place, error) {
	t := b.tab(r.SheetID)
	switch {
	case t == nil:
		return place{}, noSheet(r.SheetID)
	case r.Dimension == "":
		return place{}, invalid("No dimension specified.")
	case r.StartIndex == nil || r.EndIndex == nil || *r.EndIndex != *r.StartIndex+1:
		return place{}, invalid("Developer metadata can be on a single row or column only: dimensionRange must be bounded and span one.")
	case *r.StartIndex < 0 || int(*r.EndIndex) > t.length(r.Dimension):
		return place{}, invalid("dimensionRange [%d, %d) is outside the grid of sheet %d.", *r.StartIndex, *r.EndIndex, t.id)
	}
	return place{location: strings.TrimSuffix(r.Dimension, "S"), tab: t.key, position: int(*r.StartIndex)}, nil
}

func noSheet(id int32) error { return invalid("No sheet with id: %d", id) }

// condition is the SQL for "any of the filters matches": all fields of one lookup must match.
func condition(filters []dataFilter) (string, []any, error) {
	var (
		alternatives []string
		args         []any
	)
	for _, f := range filters {
		lookup := f.DeveloperMetadataLookup
		if lookup == nil || reflect.ValueOf(*lookup).IsZero() {
			// Matching everything would be the worst answer to a client that left out a zero.
			return "", nil, invalid("A data filter must have a developerMetadataLookup with at least one field.")
		}
		all := []string{"TRUE"}
		match := func(column string, value any, given bool) {
			if given {
				all = append(all, column+" = ?")
				args = append(args, value)
			}
		}
		match("id", lookup.MetadataID, lookup.MetadataID != 0)
		match("key", lookup.MetadataKey, lookup.MetadataKey != "")
		if lookup.MetadataValue != nil {
			match("value", *lookup.MetadataValue, true)
		}
		match("visibility", lookup.Visibility, lookup.Visibility != "")
		match("location", lookup.LocationType, lookup.LocationType != "")
		alternatives = append(alternatives, strings.Join(all, " AND "))
	}
	if len(alternatives) == 0 {
		return "", nil, invalid("At least one data filter must be specified.")
	}
	return strings.Join(alternatives, " OR "), args, nil
}

// storeItem writes an item and refuses one that is incomplete or has no room.
func storeItem(ctx context.Context, tx *sql.Tx, b *book, it *item) error {
	switch {
	case it.MetadataKey == "":
		return invalid("Developer metadata must have a metadataKey.")
	case it.Visibility == "":
		return invalid("Developer metadata must have a visibility.")
	}
	chars := utf16Len(it.MetadataKey) + utf16Len(it.MetadataValue)
	_, err := tx.ExecContext(ctx, `INSERT INTO metadata (spreadsheet, chars, `+metadataColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET chars = excluded.chars, key = excluded.key, value = excluded.value,
			visibility = excluded.visibility, location = excluded.location, tab = excluded.tab, position = excluded.position`,
		b.id, chars, it.MetadataID, it.MetadataKey, it.MetadataValue, it.Visibility, it.location, it.tab, it.position)
	if err != nil {
		return fmt.Errorf("write metadata: %w", err)
	}
	var total int
	err = tx.QueryRowContext(ctx, "SELECT sum(chars) FROM metadata WHERE spreadsheet = ? AND tab = ?", b.id, it.tab).Scan(&total)
	if err != nil {
		return fmt.Errorf("count metadata: %w", err)
	}
	if total > maxMetadataChars {
		return invalid("Developer metadata would have %d characters in one location; the limit is %d for the spreadsheet and for each sheet.", total, maxMetadataChars)
	}
	return nil
}

func metadataExists(ctx context.Context, tx *sql.Tx, b *book, id int32) (bool, error) {
	var one int
	err := tx.QueryRowContext(ctx, "SELECT 1 FROM metadata WHERE spreadsheet = ? AND id = ?", b.id, id).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find metadata: %w", err)
	}
	return true, nil
}

// shiftMetadata moves what is on rows or columns with them: those in [start, start+removed) go, later ones move by.
func shiftMetadata(ctx context.Context, tx *sql.Tx, t *tab, location string, start, removed, by int) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM metadata WHERE tab = ? AND location = ? AND position >= ? AND position < ?",
		t.key, location, start, start+removed); err != nil {
		return fmt.Errorf("remove metadata: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE metadata SET position = position + ? WHERE tab = ? AND location = ? AND position >= ?",
		by, t.key, location, start); err != nil {
		return fmt.Errorf("move metadata: %w", err)
	}
	return nil
}
