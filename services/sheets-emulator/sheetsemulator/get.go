package sheetsemulator

import (
	"context"
	"database/sql"
	"strconv"
)

// What Google gives a new row and column, in pixels.
const (
	rowPixels    = 21
	columnPixels = 100
)

func (h *Handler) getSpreadsheet(ctx context.Context, r *apiRequest, answer func(any) error) error {
	if mode := r.query.Get("commentsViewMode"); mode != "" && mode != "COMMENTS_VIEW_MODE_OMITTED" {
		return notImplemented("commentsViewMode=" + mode)
	}
	grid := isTrue(r.query.Get("includeGridData"))
	if r.mask != nil {
		grid = r.mask.has("sheets", "data") // documented: a field mask decides alone
	}
	return h.store.inRead(ctx, func(tx *sql.Tx) error {
		out, err := readSpreadsheet(ctx, tx, r.spreadsheet, r.query["ranges"], grid, r.base)
		if err != nil {
			return err
		}
		return answer(out)
	})
}

// readSpreadsheet gives the spreadsheet; its grid data, if asked for, is read while it is sent. With ranges, only
// their tabs are in it.
func readSpreadsheet(ctx context.Context, tx *sql.Tx, id string, ranges []string, grid bool, base string) (*spreadsheet, error) {
	b, err := loadBook(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	areas := map[*tab][]area{}
	for _, text := range ranges {
		t, a, err := b.find(text)
		if err != nil {
			return nil, err
		}
		areas[t] = append(areas[t], a)
	}
	items, err := queryMetadata(ctx, tx, b, "TRUE")
	if err != nil {
		return nil, err
	}
	at := map[place][]*developerMetadata{}
	for i := range items {
		at[items[i].place] = append(at[items[i].place], &items[i].developerMetadata)
	}
	out := &spreadsheet{
		SpreadsheetID:     b.id,
		Properties:        &spreadsheetProperties{Title: b.title, Locale: "en_US", AutoRecalc: "ON_CHANGE", TimeZone: "Etc/GMT"},
		SpreadsheetURL:    base + pagePath(b.id) + "/edit",
		DeveloperMetadata: at[place{location: locationSpreadsheet}],
	}
	for _, t := range b.tabs {
		if len(ranges) > 0 && areas[t] == nil {
			continue
		}
		s := &sheet{Properties: b.sheetProperties(t), DeveloperMetadata: at[place{location: locationSheet, tab: t.key}]}
		if grid {
			shown := areas[t]
			if shown == nil {
				shown = []area{t.whole()}
			}
			for _, a := range shown {
				s.Data = append(s.Data, readGrid(ctx, tx, t, a, at))
			}
		}
		out.Sheets = append(out.Sheets, s)
	}
	return out, nil
}

func readGrid(ctx context.Context, tx *sql.Tx, t *tab, a area, at map[place][]*developerMetadata) *gridData {
	g := &gridData{
		StartRow: int32(a.startRow), StartColumn: int32(a.startColumn),
		RowData: func(emit func(*rowData) error) error {
			return eachRowFilled(ctx, tx, t, a, func(_ int, cells []cell) error {
				row := &rowData{Values: make([]cellData, len(cells))}
				for i, c := range cells {
					row.Values[i] = c.shown()
				}
				return emit(row)
			})
		},
		RowMetadata: func(emit func(*dimensionProperties) error) error {
			for i := a.startRow; i < a.endRow; i++ {
				p := &dimensionProperties{PixelSize: rowPixels, DeveloperMetadata: at[place{locationRow, t.key, i}]}
				if err := emit(p); err != nil {
					return err
				}
			}
			return nil
		},
	}
	for i := a.startColumn; i < a.endColumn; i++ {
		g.ColumnMetadata = append(g.ColumnMetadata,
			&dimensionProperties{PixelSize: columnPixels, DeveloperMetadata: at[place{locationColumn, t.key, i}]})
	}
	return g
}

func (h *Handler) getMetadata(ctx context.Context, r *apiRequest, answer func(any) error) error {
	id, err := strconv.ParseInt(r.argument, 10, 32)
	if err != nil {
		return violated([]violation{{Field: "metadata_id", Description: "Invalid value at 'metadata_id' (TYPE_INT32), " + strconv.Quote(r.argument)}})
	}
	return h.store.inRead(ctx, func(tx *sql.Tx) error {
		b, err := loadBook(ctx, tx, r.spreadsheet)
		if err != nil {
			return err
		}
		items, err := queryMetadata(ctx, tx, b, "id = ?", id)
		if err != nil {
			return err
		}
		if len(items) == 0 {
			return &apiError{code: 404, message: "No developer metadata with ID " + r.argument}
		}
		return answer(&items[0].developerMetadata)
	})
}

func (h *Handler) searchMetadata(ctx context.Context, r *apiRequest, answer func(any) error) error {
	var in searchDeveloperMetadataRequest
	if err := h.schema.decode(r.body, &in); err != nil {
		return err
	}
	return h.store.inRead(ctx, func(tx *sql.Tx) error {
		b, err := loadBook(ctx, tx, r.spreadsheet)
		if err != nil {
			return err
		}
		found := map[int32]*matchedDeveloperMetadata{}
		out := &searchDeveloperMetadataResponse{}
		for _, filter := range in.DataFilters { // one by one: the answer says which filters an item matches
			where, args, err := condition([]dataFilter{filter})
			if err != nil {
				return err
			}
			items, err := queryMetadata(ctx, tx, b, where, args...)
			if err != nil {
				return err
			}
			for i := range items {
				m := found[items[i].MetadataID]
				if m == nil {
					m = &matchedDeveloperMetadata{DeveloperMetadata: &items[i].developerMetadata}
					found[items[i].MetadataID] = m
					out.MatchedDeveloperMetadata = append(out.MatchedDeveloperMetadata, m)
				}
				m.DataFilters = append(m.DataFilters, filter)
			}
		}
		if len(in.DataFilters) == 0 {
			return invalid("At least one data filter must be specified.")
		}
		return answer(out)
	})
}

// batchUpdate applies a batch on a context of its own: a client that gives up changes nothing about it.
func (h *Handler) batchUpdate(ctx context.Context, r *apiRequest, answer func(any) error) error {
	var in batchUpdateSpreadsheetRequest
	if err := h.schema.decode(r.body, &in); err != nil {
		return err
	}
	r.body = nil // decoded: let it be collected while the batch waits for its turn
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTimeout)
	defer cancel()
	out := &batchUpdateSpreadsheetResponse{SpreadsheetID: r.spreadsheet}
	rows := 0
	err := h.store.inWrite(ctx, func(tx *sql.Tx) error {
		b, replies, err := h.applyBatch(ctx, tx, r.spreadsheet, in.Requests)
		if err != nil {
			return err
		}
		for _, w := range b.writes {
			rows += len(w.Rows)
		}
		for _, text := range in.ResponseRanges { // refused before the commit, or the client would think that nothing was applied
			if _, _, err := b.book.find(text); err != nil {
				return err
			}
		}
		out.Replies = replies
		return h.store.insertJournal(ctx, tx, &journalEntry{
			Time: h.now(), Spreadsheet: r.spreadsheet, Requests: journalRequests(in.Requests), Writes: b.writes,
		})
	})
	if err != nil {
		return err
	}
	h.metrics.rows.Add(float64(rows))
	if !in.IncludeSpreadsheetInResponse {
		return answer(out)
	}
	grid := in.ResponseIncludeGridData
	if r.mask != nil {
		grid = r.mask.has("updatedSpreadsheet", "sheets", "data")
	}
	// Read after the commit, so it may already show a later batch of somebody else's.
	return h.store.inRead(ctx, func(tx *sql.Tx) (err error) {
		if out.UpdatedSpreadsheet, err = readSpreadsheet(ctx, tx, r.spreadsheet, in.ResponseRanges, grid, r.base); err != nil {
			return err
		}
		return answer(out)
	})
}
