package sheet_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/sheet"
)

// serve starts a server and returns a client of it.
func serve(t *testing.T, h http.HandlerFunc) *sheet.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	t.Cleanup(server.Close)
	c, err := sheet.Dial(t.Context(), server.URL, "")
	require.NoError(t, err)
	return c
}

func TestClient_read_asksForEverythingAtOnce(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v4/spreadsheets/book" || r.URL.Query().Get("fields") != sheet.ReadFields {
			http.Error(w, "unexpected "+r.URL.String(), http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(w, `{"spreadsheetId":"book","sheets":[{"properties":{"sheetId":4,"title":"Demo","gridProperties":{"rowCount":10,"columnCount":3}}}],
			"developerMetadata":[{"metadataId":500000000,"metadataKey":"fs","metadataValue":"`+nonce+`"}]}`)
	})
	s, err := c.Read(t.Context(), "book")
	require.NoError(t, err)
	require.Equal(t, []sheet.Tab{{ID: 4, Title: "Demo", Columns: 3}}, s.Tabs)
	require.Equal(t, []sheet.Fence{{ID: 500_000_000, Nonce: nonce}}, s.Fences)
}

func TestClient_fence_foundMissingOrNotKnown(t *testing.T) {
	status := http.StatusOK
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v4/spreadsheets/book/developerMetadata/500000000" {
			status = http.StatusBadRequest
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"metadataId":500000000,"metadataKey":"fs","metadataValue":"`+nonce+` !demo"}`)
	})
	f, found, err := c.Fence(t.Context(), "book", 500_000_000)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, sheet.Fence{ID: 500_000_000, Nonce: nonce, Parked: []string{"demo"}}, f)

	status = http.StatusNotFound
	_, found, err = c.Fence(t.Context(), "book", 500_000_000)
	require.NoError(t, err)
	require.False(t, found)

	status = http.StatusForbidden
	_, _, err = c.Fence(t.Context(), "book", 500_000_000)
	require.Equal(t, sheet.Denied, sheet.OutcomeOf(err))
}

func TestClient_head_quotesTheTabsTitle(t *testing.T) {
	asked := ""
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path
		_, _ = io.WriteString(w, `{"range":"x","values":[["Received at","Id"],[1,true]]}`)
	})
	head, err := c.Head(t.Context(), "book", "it's: a/b")
	require.NoError(t, err)
	require.Equal(t, "/v4/spreadsheets/book/values/'it''s: a/b'!1:2", asked)
	require.Equal(t, [][]string{{"Received at", "Id"}, {"1", "true"}}, head)
}

func TestClient_apply_errorsByWhatIsKnown(t *testing.T) {
	for _, test := range []struct {
		name    string
		answer  http.HandlerFunc
		outcome sheet.Outcome
		status  int
		after   time.Duration
	}{
		{"429", answer(429, `{"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED"}}`), sheet.Throttled, 429, 0},
		{"429 that says when", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "12")
			answer(429, "{}")(w, r)
		}, sheet.Throttled, 429, 12 * time.Second},
		{"403 that means 429", answer(403, `{"error":{"code":403,"message":"x","errors":[{"reason":"rateLimitExceeded","domain":"usageLimits"}]}}`), sheet.Throttled, 403, 0},
		{"400", answer(400, `{"error":{"code":400,"message":"Invalid","status":"INVALID_ARGUMENT"}}`), sheet.Refused, 400, 0},
		{"401", answer(401, `{"error":{"code":401}}`), sheet.Denied, 401, 0},
		{"403", answer(403, `{"error":{"code":403,"message":"The caller does not have permission"}}`), sheet.Denied, 403, 0},
		{"404", answer(404, `{"error":{"code":404}}`), sheet.Denied, 404, 0},
		{"409", answer(409, `{"error":{"code":409,"status":"ABORTED"}}`), sheet.Unknown, 409, 0},
		{"500", answer(500, `{"error":{"code":500}}`), sheet.Unknown, 500, 0},
		{"502 with a page of HTML", answer(502, "<!DOCTYPE html><title>Error 502</title>"), sheet.Unknown, 502, 0},
		{"503 without a body", answer(503, ""), sheet.Unknown, 503, 0},
		{"200 that cannot be read", answer(200, "<html>"), sheet.Unknown, 0, 0},
		{"connection cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, sheet.Unknown, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, test.answer)
			_, err := c.Apply(t.Context(), "book", &sheets.BatchUpdateSpreadsheetRequest{})
			var e *sheet.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, sheet.Error{Outcome: test.outcome, Status: test.status, After: test.after, Err: e.Err}, *e)
		})
	}
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestClient_timeOut_isUnknown(t *testing.T) {
	arrived := make(chan struct{})
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice that the client has gone
		close(arrived)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-arrived
		cancel(context.DeadlineExceeded)
	}()
	_, err := c.Apply(ctx, "book", &sheets.BatchUpdateSpreadsheetRequest{})
	var e *sheet.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, sheet.Unknown, e.Outcome)
	require.Zero(t, e.Status)
}

func TestClient_apply_neverRepeatsByItself(t *testing.T) {
	calls := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		answer(503, "")(w, r)
	})
	_, err := c.Apply(t.Context(), "book", &sheets.BatchUpdateSpreadsheetRequest{})
	require.Error(t, err)
	require.Equal(t, 1, calls)
}

func TestDial_wrongCredentials_isAnError(t *testing.T) {
	_, err := sheet.Dial(t.Context(), "", filepath.Join(t.TempDir(), "missing.json"))
	require.ErrorContains(t, err, "sheets client")
	file := filepath.Join(t.TempDir(), "key.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"type":"authorized_user"}`), 0o600))
	_, err = sheet.Dial(t.Context(), "", file)
	require.ErrorContains(t, err, "sheets client")
}
