package sheetsemulator

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

const (
	pageRows     = 100
	pageColumns  = 60
	pageFrozen   = 5
	maxCellShown = 300 // characters; the CSV has all of them
)

type gridPage struct {
	Title, Tab                            string
	SheetID                               int32
	PageURL, CSVURL, ExactURL, JournalURL string
	FirstURL, BackURL, NextURL, NewestURL string
	Following                             bool
	Shape                                 string // tab, frozen rows and columns: where these change, the live refresh loads the page anew
	Summary                               string
	Columns                               []string
	Frozen, Rows                          []gridRow
	Tabs                                  []gridTab
}

type gridTab struct {
	Title, URL      string
	Current, Hidden bool
}

type gridRow struct {
	Number int
	Cells  []gridCell
}

type gridCell struct {
	Text, Class string
}

// grid shows one page of a tab: its frozen rows, and pageRows others from the row that was asked for, or the newest.
func (w *web) grid(ctx context.Context, tx *sql.Tx, r *http.Request) (any, error) {
	b, t, err := tabOf(ctx, tx, r)
	if err != nil {
		return nil, err
	}
	frozen := min(t.frozenRows, pageFrozen)
	newest := max(frozen, t.filled-pageRows)
	p := &gridPage{Title: b.title, Tab: t.title, SheetID: t.id, Following: r.FormValue("at") == "end"}
	start := frozen
	if p.Following {
		start = newest
	} else if row, err := strconv.Atoi(r.FormValue("row")); err == nil {
		start = max(frozen, min(row, t.rows)-1)
	}
	shown := area{startRow: start, endRow: min(start+pageRows, t.rows), endColumn: min(t.columns, pageColumns)}
	p.Shape = fmt.Sprintf("%d %d %d", t.id, frozen, shown.endColumn)
	for i := range shown.endColumn {
		p.Columns = append(p.Columns, columnName(i))
	}
	if p.Frozen, err = gridRows(ctx, tx, t, area{endRow: frozen, endColumn: shown.endColumn}); err != nil {
		return nil, err
	}
	if p.Rows, err = gridRows(ctx, tx, t, shown); err != nil {
		return nil, err
	}
	p.link(b, t, shown, frozen)
	return p, nil
}

// link fills in where the page leads to.
func (p *gridPage) link(b *book, t *tab, shown area, frozen int) {
	gid := strconv.Itoa(int(t.id))
	to := func(path string, pairs ...string) string {
		q := url.Values{"gid": {gid}}
		for i := 0; i < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		return path + "?" + q.Encode()
	}
	p.PageURL = pagePath(b.id)
	p.JournalURL = p.PageURL + "/journal"
	p.CSVURL = to(p.PageURL+"/export", "format", "csv")
	p.ExactURL = to(p.PageURL+"/export", "format", "csv", "exact", "1")
	p.NewestURL = to(p.PageURL, "at", "end")
	if shown.startRow > frozen {
		p.FirstURL = to(p.PageURL)
		p.BackURL = to(p.PageURL, "row", strconv.Itoa(max(frozen, shown.startRow-pageRows)+1))
	}
	if shown.endRow < t.rows {
		p.NextURL = to(p.PageURL, "row", strconv.Itoa(shown.endRow+1))
	}
	p.Summary = fmt.Sprintf("Rows %d–%d of %d, %d with data", shown.startRow+1, shown.endRow, t.rows, t.filled)
	if t.columns > shown.endColumn {
		p.Summary += fmt.Sprintf("; columns A–%s of %d", columnName(shown.endColumn-1), t.columns)
	}
	for _, other := range b.tabs {
		q := url.Values{"gid": {strconv.Itoa(int(other.id))}}
		p.Tabs = append(p.Tabs, gridTab{Title: other.title, URL: p.PageURL + "?" + q.Encode(), Current: other == t, Hidden: other.hidden})
	}
}

// gridRows gives every row of an area, with all of its cells.
func gridRows(ctx context.Context, tx *sql.Tx, t *tab, a area) ([]gridRow, error) {
	rows := make([]gridRow, a.rows())
	for i := range rows {
		rows[i] = gridRow{Number: a.startRow + i + 1, Cells: make([]gridCell, a.columns())}
	}
	err := eachRow(ctx, tx, t, a.startRow, a.endRow, func(row int, cells []cell) error {
		for i, c := range cells[:min(len(cells), a.columns())] {
			rows[row-a.startRow].Cells[i] = gridCell{Text: shorten(c.text()), Class: c.class()}
		}
		return nil
	})
	return rows, err
}

// shorten cuts a text to what a page shows of a cell.
func shorten(text string) string {
	n := 0
	for i := range text {
		if n++; n > maxCellShown {
			return text[:i] + "… (shortened: the CSV has all of it)"
		}
	}
	return text
}

// class is how a cell looks: numbers stand at the right, booleans in the middle, unless its format says otherwise.
func (c cell) class() string {
	class := ""
	switch c.value.(type) {
	case float64:
		class = "number"
	case bool:
		class = "center"
	}
	if c.format == nil {
		return class
	}
	switch c.format.HorizontalAlignment {
	case "LEFT":
		class = ""
	case "CENTER":
		class = "center"
	case "RIGHT":
		class = "right"
	}
	if f := c.format.TextFormat; f != nil && f.Bold {
		class += " bold"
	}
	if f := c.format.TextFormat; f != nil && f.Italic {
		class += " italic"
	}
	return class
}
