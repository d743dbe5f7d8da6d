package formapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

const welcome = `This is Formstream's front door.

Submissions are posted to /forms/{form}, as JSON or as an HTML form sends them. What has become of one is told at
/receipts/{receipt}. What an error means is said at /problems/{code}.
`

// newHandler routes requests. It keeps whatever goes wrong in one request from the others.
func newHandler(in *intake, receipts *receipts, log *slog.Logger) http.Handler {
	r := chi.NewRouter()
	r.Use(func(next http.Handler) http.Handler { return logged(next, log) })
	r.Use(func(next http.Handler) http.Handler { return recovered(next, in.metrics, log) })
	r.Use(middleware.GetHead)
	r.HandleFunc("/forms/{form}", in.serve)
	r.HandleFunc("/forms/{form}/schema.json", in.schema)
	r.Get("/forms/{form}/thanks", in.thanks)
	r.Get("/receipts/{receipt}", receipts.serve)
	r.Get("/problems/{code}", problems())
	r.Get("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = io.WriteString(w, welcome)
	})
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			in.writeProblem(w, r, newProblem(CodeNotFound, ""), nil)
			return
		}
		refuseUnread(newProblem(CodeNotFound, "")).write(w, r)
	})
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		refuseUnread(newProblem(CodeMethod, "").with("Allow", http.MethodGet)).write(w, r)
	})
	return r
}

// recovered answers 500 where a handler panics, and logs where that was. What a panic says is logged only if the runtime
// says it: anything else could hold what was submitted.
func recovered(next http.Handler, m *metrics, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(http.ErrAbortHandler)
			}
			m.panics.Inc()
			log.Error("a request ended in a panic", "component", "http", "error", describePanic(cause), "stack", string(debug.Stack()))
			refuseUnread(newProblem(CodeInternal, "")).write(w, r)
		}()
		next.ServeHTTP(w, r)
	})
}

func describePanic(cause any) string {
	if err, ok := cause.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("panic of type %T", cause)
}

// note is what the access log says of a request, filled by whoever answers it.
type note struct {
	answer answer
	filled bool
}

type noteKey struct{}

// noteAnswer tells the access log how r was answered.
func noteAnswer(r *http.Request, a answer) {
	if n, ok := r.Context().Value(noteKey{}).(*note); ok {
		n.answer, n.filled = a, true
	}
}

// logged writes one line for each submission at debug level: never a value, nor an address that a client made up.
func logged(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !log.Enabled(r.Context(), slog.LevelDebug) {
			next.ServeHTTP(w, r)
			return
		}
		n := &note{}
		began := time.Now()
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), noteKey{}, n)))
		if n.filled {
			log.Debug("submission answered", "component", "http", "form", n.answer.form, "outcome", n.answer.outcome(),
				"status", n.answer.status(), "duration_ms", time.Since(began).Milliseconds())
		}
	})
}
