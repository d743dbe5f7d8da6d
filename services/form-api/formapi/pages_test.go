package formapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/submission"
)

const html = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8" // as browsers say

// browse is a browser's request.
func (b *testBundle) browse(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Accept", html)
	r.Header.Set("Accept-Language", "en")
	if body != "" {
		r.Header.Set("Content-Type", mediaURLEncoded)
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

func TestPages_oneURL_isThePageOrTheSchema(t *testing.T) {
	b := setup(t, nil)
	for _, row := range []struct{ path, accept, mediaType string }{
		{"/forms/demo", html, "text/html; charset=utf-8"},
		{"/forms/demo", "", "text/html; charset=utf-8"},
		{"/forms/demo", "application/schema+json", "application/schema+json"},
		{"/forms/demo/schema.json", html, "application/schema+json"},
	} {
		r := httptest.NewRequest(http.MethodGet, row.path, nil)
		r.Header.Set("Accept", row.accept)
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, row.mediaType, w.Header().Get("Content-Type"), row)
	}
	page := b.browse(http.MethodGet, "/forms/demo", "")
	for _, part := range []string{`name="name"`, `name="_key"`, `name="_started"`, `name="_website"`} {
		require.Contains(t, page.Body.String(), part)
	}
	require.Contains(t, page.Header().Get("Content-Security-Policy"), "default-src 'none'")
}

func TestPages_posted_goesOnToTheThanks(t *testing.T) {
	b := setup(t, stored())
	w := b.browse(http.MethodPost, "/forms/demo", "name=Ada&age=36")
	require.Equal(t, http.StatusSeeOther, w.Code)
	location := w.Header().Get("Location")
	require.Contains(t, location, "/forms/demo/thanks?receipt=")
	thanks := b.browse(http.MethodGet, location, "")
	require.Equal(t, http.StatusOK, thanks.Code)
	require.Contains(t, thanks.Body.String(), "/receipts/", "linked")
	forged := b.browse(http.MethodGet, "/forms/demo/thanks?receipt=forged", "")
	require.NotContains(t, forged.Body.String(), "/receipts/")
}

func TestPages_redirect_isTheForms(t *testing.T) {
	b := strict(t, stored(), guardedForm+"redirect: https://example.org/thanks\n")
	w := b.browse(http.MethodPost, "/forms/demo", "name=Ada")
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, "https://example.org/thanks", w.Header().Get("Location"))
}

func TestPages_wrongAnswers_showTheFormAgainWithTheValues(t *testing.T) {
	b := setup(t, nil)
	w := b.browse(http.MethodPost, "/forms/demo", "name=&age=%3Cb%3Eold")
	require.Equal(t, http.StatusUnprocessableEntity, w.Code)
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	require.Contains(t, w.Body.String(), "&lt;b&gt;old", "kept, and escaped")
	require.Contains(t, w.Body.String(), `aria-invalid="true"`)
}

func TestPages_notStored_showsTheFormAgainWithTheValues(t *testing.T) {
	b := setup(t, &fakeProducer{func(context.Context, string, []byte, []submission.Header, []byte) (int32, int64, error) {
		return 0, submission.NoOffset, context.DeadlineExceeded
	}})
	w := b.browse(http.MethodPost, "/forms/demo", "name=Ada&age=36")
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	require.Contains(t, w.Body.String(), `value="Ada"`)
}

func TestPages_nothingThere_isAPageForABrowser(t *testing.T) {
	b := setup(t, nil)
	for _, path := range []string{"/forms/nobody", "/nothing", "/receipts/forged"} {
		w := b.browse(http.MethodGet, path, "")
		require.Equal(t, http.StatusNotFound, w.Code, path)
		require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"), path)
	}
}

func TestPages_apiClient_getsJSONWhateverItPosts(t *testing.T) {
	w := setup(t, stored()).request(http.MethodPost, "/forms/demo", mediaURLEncoded, "name=Ada&age=36")
	require.Equal(t, http.StatusAccepted, w.Code)
	require.Equal(t, mediaJSON, w.Header().Get("Content-Type"))
}

func TestPages_wrongAnswers_areToldInTheVisitorsLanguage(t *testing.T) {
	for lang, want := range map[string]string{"": "must be filled in", "en": "must be filled in", "de-AT,de;q=0.9": "muss", "es": "debe", "tlh": "must be filled in"} {
		r := httptest.NewRequest(http.MethodPost, "/forms/demo", strings.NewReader(`{"age":1}`))
		r.Header.Set("Content-Type", mediaJSON)
		if lang != "" {
			r.Header.Set("Accept-Language", lang)
		}
		w := httptest.NewRecorder()
		setup(t, nil).handler.ServeHTTP(w, r)
		require.Equal(t, http.StatusUnprocessableEntity, w.Code)
		require.Contains(t, w.Body.String(), want, lang)
	}
}

// A code without words of its own would be "something went wrong" to a person.
func TestPages_everyProblem_hasWords(t *testing.T) {
	b := setup(t, nil)
	title := func(code Code) string {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", html)
		b.intake.writeProblem(w, r, newProblem(code, ""), nil)
		_, rest, _ := strings.Cut(w.Body.String(), "<title>")
		words, _, _ := strings.Cut(rest, "</title>")
		return words
	}
	unknown := title("no-such-code")
	for _, code := range codes() {
		if code != CodeInternal { // something did go wrong
			require.NotEqual(t, unknown, title(code), code)
		}
	}
}
