package sheetsemulator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"strconv"
)

//go:embed web
var webFiles embed.FS

// contentPolicy lets a page load this server's own style and script and talk to this server; nothing inline, nothing
// from elsewhere. Cells are written by strangers.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// web answers the pages for people.
type web struct {
	store *Store
	pages *template.Template
	fail  func(http.ResponseWriter, error)
}

func newWeb(store *Store, fail func(http.ResponseWriter, error)) (*web, error) {
	pages, err := template.ParseFS(webFiles, "web/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse web pages: %w", err)
	}
	return &web{store: store, pages: pages, fail: fail}, nil
}

func (w *web) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", w.page("list", w.list))
	mux.HandleFunc("GET /spreadsheets/d/{id}", w.page("grid", w.grid))
	mux.HandleFunc("GET /spreadsheets/d/{id}/edit", w.page("grid", w.grid))
	mux.HandleFunc("GET /spreadsheets/d/{id}/journal", w.page("journal", w.journal))
	mux.HandleFunc("GET /spreadsheets/d/{id}/export", w.export)
	mux.HandleFunc("GET /api/journal", w.journalJSON)
	for name, contentType := range map[string]string{
		"style.css": "text/css; charset=utf-8", "live.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml",
	} {
		mux.HandleFunc("GET /assets/"+name, w.asset(name, contentType))
	}
}

func pagePath(id string) string { return "/spreadsheets/d/" + url.PathEscape(id) }

func pageHeaders(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
}

// page renders a template whole before it is sent. The ETag is what the live refresh asks with: 304 is "nothing new".
func (w *web) page(name string, data func(context.Context, *sql.Tx, *http.Request) (any, error)) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		var out bytes.Buffer
		err := w.store.inRead(r.Context(), func(tx *sql.Tx) error {
			d, err := data(r.Context(), tx, r)
			if err != nil {
				return err
			}
			return w.pages.ExecuteTemplate(&out, name, d)
		})
		pageHeaders(rw.Header())
		var api *apiError
		if errors.As(err, &api) {
			http.Error(rw, api.message, api.code)
			return
		}
		if err != nil {
			w.fail(rw, err)
			return
		}
		sum := sha256.Sum256(out.Bytes())
		tag := `"` + hex.EncodeToString(sum[:12]) + `"`
		rw.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			rw.WriteHeader(http.StatusNotModified)
			return
		}
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = rw.Write(out.Bytes()) // the visitor is gone: nothing to tell them
	}
}

func (w *web) asset(name, contentType string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		content, err := webFiles.ReadFile("web/" + name)
		if err != nil {
			w.fail(rw, err)
			return
		}
		pageHeaders(rw.Header())
		rw.Header().Set("Content-Type", contentType)
		_, _ = rw.Write(content) // the visitor is gone: nothing to tell them
	}
}

type listPage struct {
	Books    []listBook
	Endpoint string
}

type listBook struct {
	Title, URL, JournalURL string
	Tabs, Rows             int
	Changes                int64
}

// maxListed bounds the list of spreadsheets on the first page.
const maxListed = 1000

func (w *web) list(ctx context.Context, tx *sql.Tx, r *http.Request) (any, error) {
	rows, err := tx.QueryContext(ctx, `SELECT s.id, s.title, s.changes, count(t.key), coalesce(sum(t.filled), 0)
		FROM spreadsheets s LEFT JOIN tabs t ON t.spreadsheet = s.id GROUP BY s.id ORDER BY s.title LIMIT ?`, maxListed)
	if err != nil {
		return nil, fmt.Errorf("list spreadsheets: %w", err)
	}
	defer func() { _ = rows.Close() }()
	p := listPage{Endpoint: "http://" + r.Host + "/"}
	for rows.Next() {
		var (
			b  listBook
			id string
		)
		if err := rows.Scan(&id, &b.Title, &b.Changes, &b.Tabs, &b.Rows); err != nil {
			return nil, fmt.Errorf("list spreadsheets: %w", err)
		}
		b.URL, b.JournalURL = pagePath(id), pagePath(id)+"/journal"
		p.Books = append(p.Books, b)
	}
	return p, rows.Err()
}

type journalPage struct {
	Title, BookURL, APIURL, OlderURL string
	Entries                          []journalPageEntry
}

type journalPageEntry struct {
	Seq      int64
	Time     string
	Requests []journalRequest
	Writes   []journalPageWrite
}

type journalPageWrite struct {
	Title             string
	FirstRow, LastRow int
	Rows              []journalPageRow
	Left              int
}

type journalPageRow struct {
	Number int
	Cells  []string
}

const (
	journalPageEntries = 50
	journalPageRows    = 20 // of one write; the API has all of them
	journalPageCells   = 8
)

func (w *web) journal(ctx context.Context, tx *sql.Tx, r *http.Request) (any, error) {
	b, err := loadBook(ctx, tx, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	before, err := strconv.ParseInt(r.FormValue("before"), 10, 64)
	if err != nil || before < 1 {
		before = math.MaxInt64
	}
	entries, more, err := readJournal(ctx, tx, journalQuery{spreadsheet: b.id, before: before, limit: journalPageEntries})
	if err != nil {
		return nil, err
	}
	p := journalPage{
		Title: b.title, BookURL: pagePath(b.id),
		APIURL: "/api/journal?" + url.Values{"spreadsheet": {b.id}}.Encode(),
	}
	for _, e := range entries {
		entry := journalPageEntry{Seq: e.Seq, Time: e.Time.Format("2006-01-02T15:04:05.000Z"), Requests: e.Requests}
		for _, write := range e.Writes {
			entry.Writes = append(entry.Writes, shortWrite(write))
		}
		p.Entries = append(p.Entries, entry)
	}
	if more {
		p.OlderURL = "?" + url.Values{"before": {strconv.FormatInt(entries[len(entries)-1].Seq, 10)}}.Encode()
	}
	return p, nil
}

func shortWrite(write journalWrite) journalPageWrite {
	short := journalPageWrite{Title: write.Title, FirstRow: write.FirstRow, LastRow: write.LastRow}
	for i, cells := range write.Rows {
		if i == journalPageRows {
			short.Left = len(write.Rows) - i
			break
		}
		row := journalPageRow{Number: write.FirstRow + i}
		for _, text := range cells[:min(len(cells), journalPageCells)] {
			row.Cells = append(row.Cells, shorten(text))
		}
		short.Rows = append(short.Rows, row)
	}
	return short
}

// journalAnswer is a page of the journal for programs: ask again with after = next while more is true.
type journalAnswer struct {
	Entries []journalEntry `json:"entries"`
	Next    int64          `json:"next"`
	More    bool           `json:"more"`
}

func (w *web) journalJSON(rw http.ResponseWriter, r *http.Request) {
	q := journalQuery{spreadsheet: r.FormValue("spreadsheet"), limit: maxJournalPage}
	for name, to := range map[string]func(int64){
		"after": func(n int64) { q.after = n },
		"limit": func(n int64) { q.limit = int(min(n, maxJournalPage)) },
	} {
		text := r.FormValue(name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || name == "limit" && n == 0 {
			writeError(rw, invalid("%s must be a whole number above 0.", name))
			return
		}
		to(n)
	}
	var out []byte
	err := w.store.inRead(r.Context(), func(tx *sql.Tx) error {
		if q.spreadsheet != "" {
			if _, err := loadBook(r.Context(), tx, q.spreadsheet); err != nil {
				return err
			}
		}
		entries, more, err := readJournal(r.Context(), tx, q)
		if err != nil {
			return err
		}
		answer := journalAnswer{Entries: entries, Next: q.after, More: more}
		if len(entries) > 0 {
			answer.Next = entries[len(entries)-1].Seq
		} else {
			answer.Entries = []journalEntry{}
		}
		out, err = json.Marshal(answer)
		return err
	})
	if err != nil {
		w.fail(rw, err)
		return
	}
	pageHeaders(rw.Header())
	rw.Header().Set("Content-Type", contentJSON)
	_, _ = rw.Write(out) // the client is gone: nothing to tell it
}

// export downloads a tab under Google's own URL: …/export?format=csv&gid=0.
func (w *web) export(rw http.ResponseWriter, r *http.Request) {
	if format := r.FormValue("format"); format != "csv" {
		w.fail(rw, notImplemented("export format "+strconv.Quote(format)))
		return
	}
	sent := &countingWriter{w: rw}
	err := w.store.inRead(r.Context(), func(tx *sql.Tx) error {
		b, t, err := tabOf(r.Context(), tx, r)
		if err != nil {
			return err
		}
		pageHeaders(rw.Header())
		rw.Header().Set("Content-Type", "text/csv; charset=utf-8; header=absent")
		rw.Header().Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(b.title+" - "+t.title+".csv"))
		return writeCSV(r.Context(), tx, t, sent, !isTrue(r.FormValue("exact")))
	})
	if err == nil || r.Context().Err() != nil {
		return
	}
	if sent.any {
		panic(http.ErrAbortHandler) // half a file must not look like a whole one
	}
	rw.Header().Del("Content-Disposition")
	w.fail(rw, err)
}

// tabOf finds the spreadsheet of a page, and its tab: the one of gid, or the first visible one that has data, so that who
// opens a spreadsheet sees its rows.
func tabOf(ctx context.Context, tx *sql.Tx, r *http.Request) (*book, *tab, error) {
	b, err := loadBook(ctx, tx, r.PathValue("id"))
	if err != nil {
		return nil, nil, err
	}
	if gid := r.FormValue("gid"); gid != "" {
		id, err := strconv.ParseInt(gid, 10, 32)
		if t := b.tab(int32(id)); err == nil && t != nil {
			return b, t, nil
		}
		return nil, nil, notFound()
	}
	var first *tab
	for _, t := range b.tabs {
		switch {
		case t.hidden:
		case t.filled > 0:
			return b, t, nil
		case first == nil:
			first = t
		}
	}
	if first == nil { // one tab is always visible
		return nil, nil, notFound()
	}
	return b, first, nil
}
