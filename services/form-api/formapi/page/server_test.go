package page_test

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/services/form-api/formapi/decode"
	"github.com/formstream/formstream/services/form-api/formapi/page"
)

// site serves the pages of testdata/forms as form-api would, but keeps what is posted to itself.
type site struct {
	tb    testing.TB
	pages *page.Pages
	forms *form.Set

	mu    sync.Mutex
	posts []post
	busy  int // how many posts are answered 503 from now on
	views int
}

// post is what the browser sent.
type post struct {
	Form     string            `json:"form"`
	Key      string            `json:"key"` // of the header
	Steering map[string]string `json:"steering"`
	Raw      map[string]any    `json:"raw"`
}

func newSite(tb testing.TB) (*site, *httptest.Server) {
	tb.Helper()
	pages, err := page.New()
	require.NoError(tb, err)
	forms, err := form.LoadDir("testdata/forms", nil)
	require.NoError(tb, err)
	s := &site{tb: tb, pages: pages, forms: forms}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /forms/{form}", s.get)
	mux.HandleFunc("POST /forms/{form}", s.post)
	mux.HandleFunc("GET /forms/{form}/thanks", func(w http.ResponseWriter, r *http.Request) {
		f, _ := s.forms.Lookup(r.PathValue("form"))
		s.wrote(s.pages.Thanks(w, page.ThanksView{Form: f, Lang: s.lang(r, f), Receipt: "/receipts/" + r.FormValue("receipt")}))
	})
	mux.HandleFunc("GET /receipts/{receipt}", func(w http.ResponseWriter, r *http.Request) {
		f, _ := s.forms.Lookup("survey")
		s.wrote(s.pages.Receipt(w, page.ReceiptView{
			Form: f, Lang: s.lang(r, f), ID: "0198c1d2", State: page.Buffered, ReceivedAt: time.Date(2026, 11, 21, 15, 4, 5, 0, time.UTC),
		}))
	})
	mux.HandleFunc("GET /problems/{code}", func(w http.ResponseWriter, r *http.Request) {
		s.wrote(s.pages.Problem(w, page.ProblemView{Lang: s.lang(r, nil), Code: r.PathValue("code"), Status: 503, RetryAfter: 2 * time.Second}))
	})
	mux.HandleFunc("GET /test/posts", s.takePosts)
	mux.HandleFunc("POST /test/busy", func(_ http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		_, err := fmt.Sscan(r.FormValue("times"), &s.busy)
		s.wrote(err)
	})
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	server := httptest.NewServer(mux)
	tb.Cleanup(server.Close)
	return s, server
}

// wrote records what a handler could not do; require may not be called there.
func (s *site) wrote(err error) {
	if err != nil {
		s.tb.Error(err)
	}
}

func (s *site) lang(r *http.Request, f *form.Form) string {
	return s.pages.Match(r.Header.Get("Accept-Language"), f)
}

// key is of the next view of a page.
func (s *site) key() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.views++
	return fmt.Sprintf("key-%d", s.views)
}

func (s *site) get(w http.ResponseWriter, r *http.Request) {
	f, ok := s.forms.Lookup(r.PathValue("form"))
	if !ok {
		s.wrote(s.pages.Problem(w, page.ProblemView{Lang: s.lang(r, nil), Code: "unknown-form", Status: http.StatusNotFound}))
		return
	}
	s.wrote(s.pages.Form(w, page.FormView{Form: f, Lang: s.lang(r, f), Started: "started", Key: s.key()}))
}

func (s *site) post(w http.ResponseWriter, r *http.Request) {
	f, _ := s.forms.Lookup(r.PathValue("form"))
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	s.wrote(err)
	var raw map[string]any
	var steering map[string]string
	if media == "multipart/form-data" {
		raw, steering, err = decode.Multipart(r.Body, params["boundary"], f)
	} else {
		var body []byte
		body, err = io.ReadAll(r.Body)
		s.wrote(err)
		raw, steering, err = decode.URLEncoded(body, f)
	}
	s.wrote(err)
	s.mu.Lock()
	s.posts = append(s.posts, post{f.ID, r.Header.Get("Idempotency-Key"), steering, raw})
	busy := s.busy > 0
	if busy {
		s.busy--
	}
	s.mu.Unlock()
	script := r.Header.Get("Accept") == "application/json"
	lang := s.lang(r, f)
	again := page.FormView{Form: f, Lang: lang, Values: page.Values(raw), Started: "started", Key: s.key()}
	if busy {
		w.Header().Set("Retry-After", "1")
		if script {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		again.Problem, again.Status = "busy", http.StatusServiceUnavailable
		s.wrote(s.pages.Form(w, again))
		return
	}
	_, wrong := f.Check(raw)
	switch {
	case wrong != nil && script:
		for i := range wrong {
			wrong[i].Message = f.Message(lang, wrong[i])
		}
		w.WriteHeader(http.StatusUnprocessableEntity)
		s.wrote(json.NewEncoder(w).Encode(map[string]any{"errors": wrong}))
	case wrong != nil:
		again.Errors, again.Status = wrong, http.StatusUnprocessableEntity
		s.wrote(s.pages.Form(w, again))
	case script:
		w.WriteHeader(http.StatusAccepted)
		s.wrote(json.NewEncoder(w).Encode(map[string]string{"receipt": "r-1"}))
	default:
		http.Redirect(w, r, page.Done(f, "r-1"), http.StatusSeeOther)
	}
}

// takePosts returns what was posted since it was last asked.
func (s *site) takePosts(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrote(json.NewEncoder(w).Encode(s.posts))
	s.posts = nil
}
