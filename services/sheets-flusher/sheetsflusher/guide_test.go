package sheetsflusher

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/sheet"
)

const guide = "../../../docs/google-sheets.md"

// symptom is one thing that an operator may see, and how to make it happen. Its text stands in the first column of a table of the guide;
// an ellipsis there leaves something out.
type symptom struct {
	text    string
	provoke func(b *testBundle) (printed string)
}

// What the guide quotes is what is printed, and each quotation is tried here.
func TestGuide_everyMessageIsPrinted(t *testing.T) {
	quoted := quotations(t)
	tried := map[string]bool{}
	for _, s := range symptoms() {
		tried[s.text] = true
		t.Run(s.text, func(t *testing.T) {
			require.Contains(t, quoted, s.text, "the guide does not quote it")
			printed := s.provoke(setup(t))
			for rest, part := printed, ""; s.text != ""; {
				part, s.text, _ = strings.Cut(s.text, "…")
				_, after, found := strings.Cut(rest, part)
				require.True(t, found, "%q is not printed; this is:\n%s", part, printed)
				rest = after
			}
		})
	}
	for _, q := range quoted {
		require.True(t, tried[q], "nothing here makes it happen: %s", q)
	}
}

// quotations returns the code spans in the first column of the guide's tables of errors.
func quotations(t *testing.T) (quoted []string) {
	t.Helper()
	text, err := os.ReadFile(guide)
	require.NoError(t, err)
	_, errorTables, found := strings.Cut(string(text), "\n## Every error")
	require.True(t, found)
	span := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(errorTables) {
		if first, ok := strings.CutPrefix(line, "| "); ok {
			first, _, _ = strings.Cut(first, " | ")
			for _, m := range span.FindAllStringSubmatch(first, -1) {
				quoted = append(quoted, m[1])
			}
		}
	}
	require.NotEmpty(t, quoted)
	return quoted
}

// The guide's form and its submission are taken as they stand.
func TestGuide_formAndSubmission_areAccepted(t *testing.T) {
	text, err := os.ReadFile(guide)
	require.NoError(t, err)
	yaml := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(text)
	require.NotNil(t, yaml)
	f, err := form.Parse("contact.yaml", yaml[1], func(name string) (string, bool) { return "1AbC", name == "CONTACT_SHEET" })
	require.NoError(t, err)
	require.Equal(t, &form.SheetsSink{Spreadsheet: "1AbC", Tab: "Contact"}, f.Sinks.Sheets)
	require.Contains(t, string(text), "/forms/"+f.ID+" ")
	body := regexp.MustCompile(`-d '(\{.*\})'`).FindSubmatch(text)
	require.NotNil(t, body)
	var raw map[string]any
	require.NoError(t, json.Unmarshal(body[1], &raw))
	_, wrong := f.Check(raw)
	require.Empty(t, wrong)
	require.Contains(t, string(text), "| "+strings.Join(Header(f), " | ")+" |", "the header that the guide shows")
}

// Answers of Google as it documents them, or as they were observed.
var (
	noAccess  = answer(403, "PERMISSION_DENIED", "The caller does not have permission")
	throttled = answer(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute per user' of service 'sheets.googleapis.com' for consumer 'project_number:1'.")
	busy      = answer(503, "UNAVAILABLE", "The service is currently unavailable.")
	protected = answer(400, "INVALID_ARGUMENT", "Invalid requests[2].appendCells: You are trying to edit a protected cell or object. Please contact the spreadsheet owner to remove protection if you need to edit.")
	full      = answer(400, "INVALID_ARGUMENT", "Invalid requests[2].appendCells: This action would increase the number of cells in the workbook above the limit of 10000000 cells.")
	apiOff    = answer(403, "PERMISSION_DENIED", "Google Sheets API has not been used in project 1 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/sheets.googleapis.com/overview?project=1 then retry.")
	scopes    = answer(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.")
	badToken  = answer(401, "UNAUTHENTICATED", "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.")
	excelFile = answer(400, "FAILED_PRECONDITION", "This operation is not supported for this document")
	noFile    = answer(404, "NOT_FOUND", "Requested entity was not found.")
)

func symptoms() []symptom {
	const unconfirmed = "flush was not confirmed…"
	return []symptom{
		{"cannot be read: give the service account's key file", keyFile("")},
		{"is not JSON: give the key file as Google Cloud made it", keyFile("-----BEGIN PRIVATE KEY-----")},
		{"is not a service account's key (its type is …)", keyFile(`{"installed":{"client_id":"x","client_secret":"y"}}`)},
		{"has no client_email or no private_key that can be read", keyFile(`{"type":"service_account","client_email":"a@b","private_key":"x"}`)},
		{"could not find default credentials", noDefaultCredentials},
		{"are for Google: leave them out, or leave out -endpoint", func(*testBundle) string {
			_, _, errs := command("-endpoint", "http://127.0.0.1:1", "-credentials", "key.json")
			return errs
		}},
		{"the environment has no variable … set it, or write the value itself", definition("${CONTACT_SHEET}")},
		{"is not a spreadsheet's id: take the part of its address between /d/ and /edit", definition("https://docs.google.com/spreadsheets/d/1AbC/edit")},
		{"is also the tab of form … give each form its own", func(b *testBundle) string {
			_, err := form.NewSet(newForm(b.T, "one", "Contact"), newForm(b.T, "two", "contact"))
			return fmt.Sprint(err)
		}},

		{"auth: cannot fetch token: 400…invalid_grant…Invalid JWT Signature", token("Invalid JWT Signature.")},
		{"auth: cannot fetch token: 400…invalid_grant…account not found", token("Invalid grant: account not found")},
		{"auth: cannot fetch token: 400…invalid_grant…Token must be a short-lived token", token("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.")},
		{"credentials: Sheets does not accept the credentials (401)", google(everything, badToken)},
		{"Google Sheets API has not been used in project … before or it is disabled", google(everything, apiOff)},
		{"Request had insufficient authentication scopes", google(everything, scopes)},
		{"spreadsheet cannot be reached…The caller does not have permission", google(everything, noAccess)},
		{"no_access: no access to the spreadsheet (403)", google(everything, noAccess)},
		{unconfirmed + "denied (status 403)…The caller does not have permission", google(writes, noAccess)},
		{"no_spreadsheet: there is no such spreadsheet (404)", google(everything, noFile)},
		{"which must be a Google spreadsheet and no Excel file in Drive…This operation is not supported for this document", google(everything, excelFile)},

		{"tab_gone: the form's tab is gone", after(func(b *testBundle) {
			b.edit(&sheets.Request{DeleteSheet: &sheets.DeleteSheetRequest{SheetId: b.tab("Demo")}})
		})},
		{"tab_unreadable: Sheets does not show the first rows of the form's tab", func(b *testBundle) string {
			b.edit(addTab(7, "Demo", 26))
			return google(heads, answer(400, "INVALID_ARGUMENT", "Unable to parse range: 'Demo'!1:2"))(b)
		}},
		{"rows_without_vector: the tab has our header and rows", func(b *testBundle) string {
			b.edit(addTab(7, "Demo", 26), appendRow(7, Header(b.forms[0])...), appendRow(7, "2026", "old"))
			return b.printed()
		}},
		{"no_vector: submissions have been delivered, but this spreadsheet does not know of them", after(func(b *testBundle) {
			b.edit(deleteItem(b.state().Items["demo"].ID))
		})},
		{"older_sheet: the spreadsheet is older than what was delivered", after(func(b *testBundle) {
			b.edit(setVector(b.state().Items["demo"], "v1 500000000 topic-1 0,0"))
		})},
		{"vector_twice: two metadata items claim to be the form's vector", after(func(b *testBundle) {
			b.edit(createItem(11, sheet.VectorKey("demo"), b.state().Items["demo"].Value))
		})},
		{"vector_unreadable: the form's vector cannot be read", after(func(b *testBundle) {
			b.edit(setVector(b.state().Items["demo"], "hello"))
		})},
		{unconfirmed + "You are trying to edit a protected cell or object", google(writes, protected)},
		{unconfirmed + "above the limit of 10000000 cells", google(writes, full)},
		{"refused: Sheets refuses this form's rows", google(writes, protected)},

		{"no answer from Sheets, trying again…throttled (status 429)…Quota exceeded for quota metric", google(everything, throttled)},
		{unconfirmed + "throttled (status 429)…Quota exceeded for quota metric", google(writes, throttled)},
		{unconfirmed + "unknown (status 503)", google(writes, busy)},
		{"flushed", func(b *testBundle) string {
			var out bytes.Buffer
			app := &App{log: slog.New(slog.NewJSONHandler(&out, nil))}
			b.aged("demo", "a")
			_, err := app.run(b.Context(), book, b.writer())
			require.NoError(b, err)
			return out.String()
		}},
		{"plans came to nothing too often", google(writes, busy)},
		{"no answer from Sheets, trying again…dial tcp: lookup", func(b *testBundle) string {
			b.set.Attempts = 2 // where DNS does not answer at all, each takes long
			return dial("http://sheets.invalid")(b)
		}},
		{"no answer from Sheets, trying again…connect: connection refused", dial("http://127.0.0.1:1")},
		{"no answer from Sheets, trying again…proxyconnect tcp", func(b *testBundle) string {
			proxied, original := http.DefaultTransport.(*http.Transport).Clone(), http.DefaultTransport
			proxied.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "127.0.0.1:1"})
			http.DefaultTransport = proxied // the client takes it; the environment's proxy is read once in a process
			defer func() { http.DefaultTransport = original }()
			return dial("http://sheets.invalid")(b)
		}},
		{"no answer from Sheets, trying again…x509: certificate signed by unknown authority", func(b *testBundle) string {
			stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
			stranger.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			stranger.StartTLS()
			defer stranger.Close()
			return dial(stranger.URL)(b)
		}},
	}
}

// printed runs a writer once and returns what it logs and the error with which the service would end.
func (b *testBundle) printed() string {
	b.Helper()
	var out bytes.Buffer
	b.ports.Logger = slog.New(slog.NewJSONHandler(&out, nil))
	b.aged("demo", "last")
	_, err := b.writer().Run(b.Context())
	return out.String() + fmt.Sprint(err)
}

// after writes a row, lets somebody do something to the spreadsheet, and writes another.
func after(do func(b *testBundle)) func(*testBundle) string {
	return func(b *testBundle) string {
		b.aged("demo", "first")
		b.run()
		do(b)
		return b.printed()
	}
}

// wireAnswer is one of Google's, byte for byte.
type wireAnswer struct {
	status int
	body   string
}

func answer(code int, status, message string) wireAnswer {
	b, _ := json.Marshal(map[string]any{"error": map[string]any{"code": code, "message": message, "status": status}})
	return wireAnswer{code, string(b)}
}

func everything(*http.Request) bool { return true }
func writes(r *http.Request) bool   { return strings.HasSuffix(r.URL.Path, ":batchUpdate") }
func heads(r *http.Request) bool    { return strings.Contains(r.URL.Path, "/values/") }

// google answers these requests so; what is left goes to the emulator.
func google(these func(*http.Request) bool, a wireAnswer) func(*testBundle) string {
	return func(b *testBundle) string {
		emulator, err := url.Parse(b.apiURL)
		require.NoError(b, err)
		proxy := httputil.NewSingleHostReverseProxy(emulator)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !these(r) {
				proxy.ServeHTTP(w, r)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json; charset=UTF-8")
			w.WriteHeader(a.status)
			_, _ = io.WriteString(w, a.body)
		}))
		defer server.Close()
		defer http.DefaultClient.CloseIdleConnections()
		return dial(server.URL)(b)
	}
}

func dial(endpoint string) func(*testBundle) string {
	return func(b *testBundle) (printed string) {
		var err error
		b.ports.Sheets, err = sheet.Dial(b.Context(), endpoint, "")
		require.NoError(b, err)
		return b.printed()
	}
}

// token lets Google refuse to give one for a key.
func token(description string) func(*testBundle) string {
	return func(b *testBundle) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_grant", "error_description": description})
		}))
		defer server.Close()
		path := writeKey(b.T, server.URL)
		require.NoError(b, checkCredentials(path))
		var err error
		b.ports.Sheets, err = sheet.Dial(b.Context(), "", path)
		require.NoError(b, err)
		return b.printed()
	}
}

// writeKey makes a service account's key file whose tokens come from tokens.
func writeKey(t *testing.T, tokens string) (path string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	b, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "p", "private_key_id": "1", "client_email": "formstream@p.iam.gserviceaccount.com", "token_uri": tokens,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "key.json")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	return path
}

// keyFile starts the service with a file of this content; "" is no file.
func keyFile(content string) func(*testBundle) string {
	return func(b *testBundle) string {
		path := filepath.Join(b.TempDir(), "key.json")
		if content != "" {
			require.NoError(b, os.WriteFile(path, []byte(content), 0o600))
		}
		set, err := form.NewSet(b.forms...)
		require.NoError(b, err)
		_, err = New(Config{Credentials: path}, set, deps())
		var wrong *chassis.Problem
		require.ErrorAs(b, err, &wrong)
		require.NotContains(b, err.Error(), "client_secret")
		require.NotContains(b, err.Error(), "BEGIN PRIVATE KEY")
		return err.Error()
	}
}

func noDefaultCredentials(b *testBundle) string {
	b.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	b.Setenv("HOME", b.TempDir())
	_, err := sheet.Dial(b.Context(), "", "")
	if err == nil {
		b.Skip("this machine has default credentials: it runs in Google Cloud")
	}
	return err.Error()
}

// definition loads a form with this spreadsheet, and no environment.
func definition(spreadsheet string) func(*testBundle) string {
	return func(*testBundle) string {
		_, err := form.Parse("contact.yaml", []byte("id: contact\ntitle: T\nfields:\n  - {name: name, label: Name, type: text}\nsinks:\n  sheets:\n    spreadsheet: \""+
			spreadsheet+"\"\n    tab: Contact\n"), noEnv)
		return fmt.Sprint(err)
	}
}

// The guide's remedy for a tab that was deleted: a copy of it under its old name, though it has another sheet id.
func TestGuide_tabCopiedBack_endsItsPark(t *testing.T) {
	b := setup(t)
	b.aged("demo", "a")
	b.run()
	b.edit(&sheets.Request{DeleteSheet: &sheets.DeleteSheetRequest{SheetId: b.tab("Demo")}})
	b.aged("demo", "b")
	require.Equal(t, []Park{{"demo", reasonTabGone}}, b.run().Parked)
	b.edit(addTab(7, "Demo", 26), appendRow(7, Header(b.forms[0])...), appendRow(7, "2026", "a", "a"))
	require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
	require.Equal(t, []string{"a", "b"}, b.ids("Demo"))
}

// What the guide says of people's doings in the spreadsheet.
func TestGuide_whatPeopleMayDo(t *testing.T) {
	for name, edit := range map[string]func(tab int64) *sheets.Request{
		"rename the tab": func(tab int64) *sheets.Request {
			return &sheets.Request{UpdateSheetProperties: &sheets.UpdateSheetPropertiesRequest{
				Properties: &sheets.SheetProperties{SheetId: tab, Title: "Renamed"}, Fields: "title"}}
		},
		"delete a row": func(tab int64) *sheets.Request {
			return &sheets.Request{DeleteDimension: &sheets.DeleteDimensionRequest{Range: &sheets.DimensionRange{SheetId: tab, Dimension: "ROWS", StartIndex: 1, EndIndex: 2}}}
		},
		"insert a row": func(tab int64) *sheets.Request {
			return &sheets.Request{InsertDimension: &sheets.InsertDimensionRequest{Range: &sheets.DimensionRange{SheetId: tab, Dimension: "ROWS", StartIndex: 1, EndIndex: 2}}}
		},
		"write beside the rows": func(tab int64) *sheets.Request {
			text := "done"
			return &sheets.Request{UpdateCells: &sheets.UpdateCellsRequest{Fields: "userEnteredValue", Start: &sheets.GridCoordinate{SheetId: tab, RowIndex: 1, ColumnIndex: 4},
				Rows: []*sheets.RowData{{Values: []*sheets.CellData{{UserEnteredValue: &sheets.ExtendedValue{StringValue: &text}}}}}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.aged("demo", "a", "b")
			b.run()
			b.edit(edit(b.tab("Demo")))
			b.aged("demo", "c")
			require.Equal(t, Result{Flushes: 1, Rows: 1}, b.run())
		})
	}
}
