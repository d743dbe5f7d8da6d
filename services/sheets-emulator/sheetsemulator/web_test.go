package sheetsemulator_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/sheets/v4"
)

const page = "/spreadsheets/d/" + book

// hostile is what a stranger may write into a cell, a title or a metadata value.
const hostile = `</td><script>alert(1)</script><img src=x onerror="alert(2)">'"&{{.}}`

// fetch gives the status and headers of an answer.
func (b *testBundle) fetch(t *testing.T, path string, header http.Header) (int, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+path, nil)
	require.NoError(t, err)
	r.Header = header
	answer, err := b.client.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode, answer.Header
}

func TestWeb_hostileTexts_areEscapedEverywhere(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, addTab(7, hostile), appendRows(7, []string{hostile, "second"}), create(5, hostile, hostile),
		update("gridProperties.frozenRowCount", &sheets.SheetProperties{SheetId: 7, GridProperties: &sheets.GridProperties{FrozenRowCount: 1}}))
	for _, path := range []string{"/", page, page + "/edit?gid=7", page + "?gid=7&at=end", page + "/journal"} {
		status, body := b.get(t, path)
		require.Equal(t, 200, status, path)
		require.NotContains(t, body, "<script>alert", path)
		require.NotContains(t, body, "<img", path)
		require.Equal(t, 1, strings.Count(body, "<script"), path)
		require.NotRegexp(t, `(?i)<[^>]*\s(on\w+|style)\s*=`, body, "%s: no inline handler or style, which the policy would block", path)
	}
	_, body := b.get(t, page+"?gid=7")
	require.Contains(t, body, "&lt;/td&gt;&lt;script&gt;alert(1)&lt;/script&gt;")
}

func TestWeb_everyAnswer_hasAStrictPolicy(t *testing.T) {
	b := setup(t)
	for _, path := range []string{"/", page, page + "/journal", "/api/journal", "/assets/live.js", "/assets/style.css", "/assets/icon.svg", page + "/export?format=csv"} {
		status, header := b.fetch(t, path, nil)
		require.Equal(t, 200, status, path)
		policy := header.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'", path)
		require.NotContains(t, policy, "unsafe", path)
		require.NotContains(t, policy, "http", path)
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"), path)
	}
}

func TestWeb_pagesLoadNothingFromElsewhere(t *testing.T) {
	b := setup(t)
	for _, path := range []string{"/", page, page + "/journal"} {
		_, body := b.get(t, path)
		for _, source := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			require.True(t, strings.HasPrefix(source[1], "/") || strings.HasPrefix(source[1], "?"), "%s: %s", path, source[1])
		}
	}
}

func TestWeb_list_showsSpreadsheets(t *testing.T) {
	b := setup(t)
	require.NoError(t, b.store.CreateSpreadsheet(t.Context(), "another"))
	_, body := b.get(t, "/")
	require.Contains(t, body, `<a href="/spreadsheets/d/another">another</a>`)
	require.Contains(t, body, `<a href="/spreadsheets/d/formstream-demo">formstream-demo</a>`)
}

func TestWeb_grid_pagesLongTabs(t *testing.T) {
	b := setup(t)
	rows := make([][]string, 5_000)
	for i := range rows {
		rows[i] = []string{fmt.Sprintf("value %d.", i+1)}
	}
	b.mustUpdate(t, appendRows(0, rows...))
	shown := func(query string) (first, last, count int, body string) {
		_, body = b.get(t, page+"?gid=0"+query)
		numbers := regexp.MustCompile(`<tr data-row="(\d+)">`).FindAllStringSubmatch(body, -1)
		_, err := fmt.Sscan(numbers[0][1]+" "+numbers[len(numbers)-1][1], &first, &last)
		require.NoError(t, err)
		return first, last, len(numbers), body
	}
	for query, want := range map[string][3]int{
		"": {1, 100, 100}, "&row=101": {101, 200, 100}, "&row=4980": {4980, 5000, 21}, "&at=end": {4901, 5000, 100},
		"&row=0": {1, 100, 100}, "&row=99999999": {5000, 5000, 1}, "&row=x": {1, 100, 100},
	} {
		first, last, count, body := shown(query)
		require.Equal(t, want, [3]int{first, last, count}, query)
		require.Contains(t, body, fmt.Sprintf("value %d.", first))
		require.Contains(t, body, fmt.Sprintf("value %d.", last))
	}
	_, _, _, body := shown("&row=101")
	require.Contains(t, body, `href="/spreadsheets/d/formstream-demo?gid=0&amp;row=1" rel="prev"`)
	require.Contains(t, body, `href="/spreadsheets/d/formstream-demo?gid=0&amp;row=201" rel="next"`)
	require.Contains(t, body, "Rows 101–200 of 5000, 5000 with data")
}

func TestWeb_grid_frozenRowsStayOnEveryPage(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, appendRows(0, []string{"the header"}, []string{"first"}),
		update("gridProperties.frozenRowCount", &sheets.SheetProperties{GridProperties: &sheets.GridProperties{FrozenRowCount: 1}}))
	for _, query := range []string{"", "?row=500", "?at=end"} {
		_, body := b.get(t, page+query)
		require.Equal(t, 1, strings.Count(body, "the header"), query)
	}
}

func TestWeb_grid_longCellsAndWideTabs_areCut(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, &sheets.Request{AppendDimension: &sheets.AppendDimensionRequest{Dimension: "COLUMNS", Length: 100}},
		appendRows(0, []string{strings.Repeat("ü", 50_000)}), updateAt(0, 0, 125, []string{"far right"}))
	_, body := b.get(t, page)
	require.Less(t, len(body), 300_000)
	require.Contains(t, body, strings.Repeat("ü", 300)+"…")
	require.NotContains(t, body, "far right")
	require.Contains(t, body, "columns A–BH of 126")
}

func TestWeb_unknownThings_areNotFound(t *testing.T) {
	b := setup(t)
	for _, path := range []string{
		"/spreadsheets/d/nowhere", "/spreadsheets/d/nowhere/journal", "/spreadsheets/d/nowhere/export?format=csv",
		page + "?gid=99", page + "?gid=x", page + "/export?format=csv&gid=99", "/api/journal?spreadsheet=nowhere", "/assets/none.js",
	} {
		status, _ := b.get(t, path)
		require.Equal(t, 404, status, path)
	}
	status, _ := b.get(t, page+"/export?format=xlsx")
	require.Equal(t, 501, status)
}

func TestWeb_etag_tellsWhetherThePageChanged(t *testing.T) {
	b := setup(t)
	_, header := b.fetch(t, page, nil)
	tag := header.Get("ETag")
	require.NotEmpty(t, tag)
	status, _ := b.fetch(t, page, http.Header{"If-None-Match": {tag}})
	require.Equal(t, 304, status)
	b.mustUpdate(t, appendRows(0, []string{"new"}))
	status, header = b.fetch(t, page, http.Header{"If-None-Match": {tag}})
	require.Equal(t, 200, status)
	require.NotEqual(t, tag, header.Get("ETag"))
}

func TestWeb_anotherSitesPage_mayNotWrite(t *testing.T) {
	b := setup(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+batchPath, strings.NewReader(`{"requests":[{"addSheet":{}}]}`))
	require.NoError(t, err)
	r.Header.Set("Origin", "https://evil.example")
	answer, err := b.client.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, 403, answer.StatusCode)
	require.Equal(t, []string{"Sheet1"}, b.titles(t))
}

func TestCSV_isRFC4180_andDefusesFormulas(t *testing.T) {
	b := setup(t)
	number := -1.5
	b.mustUpdate(t, appendRows(0, []string{"plain", `a "quoted", one`, "two\nlines", "ü🍇"}, nil, []string{"", "=HYPERLINK(1)", "+7 999", "-x"}, []string{"@a", "\tb", "\rc"}),
		&sheets.Request{UpdateCells: &sheets.UpdateCellsRequest{Start: &sheets.GridCoordinate{RowIndex: 4}, Fields: "*", Rows: []*sheets.RowData{{Values: []*sheets.CellData{
			{UserEnteredValue: &sheets.ExtendedValue{NumberValue: &number}}, {UserEnteredValue: &sheets.ExtendedValue{BoolValue: ptr(true)}},
		}}}}})
	const first = "plain,\"a \"\"quoted\"\", one\",\"two\nlines\",ü🍇\r\n,,,\r\n"
	status, body := b.get(t, page+"/export?format=csv&gid=0")
	require.Equal(t, 200, status)
	require.Equal(t, first+",'=HYPERLINK(1),'+7 999,'-x\r\n'@a,'\tb,\"'\rc\",\r\n-1.5,TRUE,,\r\n", body)
	_, body = b.get(t, page+"/export?format=csv&gid=0&exact=1")
	require.Equal(t, first+",=HYPERLINK(1),+7 999,-x\r\n@a,\tb,\"\rc\",\r\n-1.5,TRUE,,\r\n", body)

	_, header := b.fetch(t, page+"/export?format=csv", nil)
	require.Equal(t, "text/csv; charset=utf-8; header=absent", header.Get("Content-Type"))
	require.Equal(t, "attachment; filename*=UTF-8''formstream-demo%20-%20Sheet1.csv", header.Get("Content-Disposition"))
}

func TestCSV_ofAnEmptyTab_isEmpty(t *testing.T) {
	b := setup(t)
	status, body := b.get(t, page+"/export?format=csv")
	require.Equal(t, 200, status)
	require.Empty(t, body)
}

func TestWeb_grid_withoutATab_opensTheFirstVisibleOneThatHasData(t *testing.T) {
	b := setup(t)
	shape := func() string {
		_, body := b.get(t, page)
		return regexp.MustCompile(`data-shape="([^"]*)"`).FindStringSubmatch(body)[1]
	}
	require.Equal(t, "0 0 26", shape())
	b.mustUpdate(t, addTab(7, "hidden"), appendRows(7, []string{"x"}), update("hidden", &sheets.SheetProperties{SheetId: 7, Hidden: true}),
		addTab(8, "T"), appendRows(8, []string{"x"}))
	require.Equal(t, "8 0 26", shape())
	b.mustUpdate(t, appendRows(0, []string{"x"}))
	require.Equal(t, "0 0 26", shape())
}
