package sheetsemulator

import (
	"database/sql"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStore_syncsEveryCommit(t *testing.T) {
	s, err := OpenStore(t.Context(), t.TempDir(), StoreOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal"} { // 2 is FULL
		var got string
		require.NoError(t, s.write.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
		require.Equal(t, want, got, pragma)
	}
	_, err = s.read.ExecContext(t.Context(), "DELETE FROM spreadsheets")
	require.ErrorContains(t, err, "readonly")
}

func TestStore_appendsAndReads_useTheKey(t *testing.T) {
	s, err := OpenStore(t.Context(), t.TempDir(), StoreOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for _, query := range []string{
		"SELECT row, cells FROM rows WHERE tab = 1 AND row >= 5 AND row < 10 ORDER BY row",
		"SELECT row + 1 FROM rows WHERE tab = 1 AND width > 0 ORDER BY row DESC LIMIT 1",
		"SELECT sum(chars) FROM metadata WHERE spreadsheet = 'x' AND tab = 0",
		"DELETE FROM journal WHERE seq <= 5",
		"DELETE FROM journal WHERE total <= 5",
	} {
		require.NoError(t, s.inWrite(t.Context(), func(tx *sql.Tx) error {
			rows, err := tx.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query)
			require.NoError(t, err)
			defer func() { require.NoError(t, rows.Close()) }()
			for rows.Next() {
				var id, parent, unused int
				var detail string
				require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
				require.True(t, strings.HasPrefix(detail, "SEARCH"), "%s: %s", query, detail)
			}
			return rows.Err()
		}))
	}
}

func TestColumnName_andIndex_areInverse(t *testing.T) {
	for index, name := range map[int]string{0: "A", 25: "Z", 26: "AA", 51: "AZ", 52: "BA", 701: "ZZ", 702: "AAA", 18_277: "ZZZ"} {
		require.Equal(t, name, columnName(index))
		got, ok := columnIndex(name)
		require.True(t, ok)
		require.Equal(t, index, got)
	}
}

func TestRow_encodedAndDecoded_isTheSame(t *testing.T) {
	bold := &cellFormat{TextFormat: &textFormat{Bold: true}, NumberFormat: &numberFormat{Type: "TEXT", Pattern: "@"}, WrapStrategy: "WRAP"}
	cells := []cell{{value: "a"}, {}, {value: 1.5}, {value: true, note: "n"}, {format: bold}, {value: `{"v":1}`}, {value: "last"}, {}}
	text, width, err := encodeRow(cells)
	require.NoError(t, err)
	require.Equal(t, 7, width)
	require.Equal(t, `["a",null,1.5,{"v":true,"n":"n"},{"f":{"numberFormat":{"type":"TEXT","pattern":"@"},"wrapStrategy":"WRAP","textFormat":{"bold":true}}},"{\"v\":1}","last"]`, text)
	got, err := decodeRow(text)
	require.NoError(t, err)
	require.Equal(t, cells[:7], got)
	_, err = decodeRow("[1")
	require.ErrorContains(t, err, "decode row")
}

// FuzzMask: no text makes the parser panic or loop, and what it takes is checked against the schema without panic.
func FuzzMask(f *testing.F) {
	for _, seed := range []string{
		"spreadsheetId,properties.title,developerMetadata,sheets.properties(sheetId,title,gridProperties)",
		"sheets/data/rowData/values/note", "*", "sheets.*", "a(b(c(d", "a,,b", ")(", ".", "a.b.c,a.b", "sheets(data(rowData(values(*))))", "sheet_id,ü",
	} {
		f.Add(seed)
	}
	s := wireSchema()
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parseMask(text)
		if err != nil {
			require.Nil(t, m)
			return
		}
		_ = s.checkMask(m, reflect.TypeFor[spreadsheet](), func(string) error { return nil }) // unknown names are refused
		if m.has("sheets", "data") {
			_, selected := m.of("sheets")
			require.True(t, selected)
		}
	})
}

// FuzzA1: whatever is read as a range is a rectangle that is written and read back the same.
func FuzzA1(f *testing.F) {
	for _, seed := range []string{
		"A1", "A1:B2", "Sheet1!A:A", "'It''s'!2:4", "'", "''", "'a'!", "!", "$A$1:B", "A2:2", "ZZZ1", "R1C1", "A1:clear", "'x'!'y'!A1", "Зима!A1", "A0", "A99999999999999999999",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_ = isR1C1(text)
		r, ok := splitA1(text)
		if !ok {
			return
		}
		if r.whole {
			require.NotEmpty(t, r.title)
			return
		}
		a := r.area
		require.GreaterOrEqual(t, a.startRow, 0)
		require.GreaterOrEqual(t, a.startColumn, 0)
		require.Less(t, a.startColumn, maxColumns)
		require.True(t, a.endRow == unbounded || a.endRow > a.startRow)
		require.True(t, a.endColumn == unbounded || a.endColumn > a.startColumn)
		if a.endRow == unbounded || a.endColumn == unbounded || r.title == "" {
			return
		}
		again, ok := splitA1(writeA1(r.title, a))
		require.True(t, ok, "%q", writeA1(r.title, a))
		require.Equal(t, r.title, again.title)
		require.Equal(t, a, again.area)
	})
}

// FuzzDecode: no body makes the decoder panic, and a refusal always has Google's envelope.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"requests":[{"appendCells":{"sheetId":1,"rows":[{"values":[{"userEnteredValue":{"stringValue":"x"}}]}],"fields":"userEnteredValue"}}]}`,
		`{"requests":[{"addSheet":{},"deleteSheet":null}]}`, `[]`, `null`, `{"requests":{"x":[[[]]]}}`, `{"requests":[null,1,"x",{"updateCells":[]}]}`, `{"includeSpreadsheetInResponse":1e999}`,
	} {
		f.Add([]byte(seed))
	}
	s := wireSchema()
	f.Fuzz(func(t *testing.T, body []byte) {
		var in batchUpdateSpreadsheetRequest
		if err := s.decode(body, &in); err != nil {
			var api *apiError
			require.ErrorAs(t, err, &api)
			require.Contains(t, []int{400, 501}, api.code)
			return
		}
		for i := range in.Requests {
			_ = in.Requests[i].kind()
		}
	})
}
