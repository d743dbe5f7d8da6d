package formapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/services/form-api/formapi/fate"
)

// fates tells what has become of a receipt's submission: see [fate.Teller].
type fates interface {
	State(ctx context.Context, r submission.Receipt) (fate.Fate, error)
}

// receipts answers GET /receipts/{receipt}.
type receipts struct {
	signer *submission.Signer
	fates  fates
	log    *slog.Logger

	page    func(w http.ResponseWriter, r *http.Request, view fate.View, receivedAt time.Time)
	problem func(w http.ResponseWriter, r *http.Request, p *Problem, back *form.Form)
}

func (s *receipts) serve(w http.ResponseWriter, r *http.Request) {
	receipt, err := s.signer.Open(chi.URLParam(r, "receipt"))
	if err != nil { // whoever guesses learns no more than that
		s.problem(w, r, newProblem(CodeNotFound, "There is no such receipt."), nil)
		return
	}
	become, err := s.fates.State(r.Context(), receipt)
	if err != nil && !errors.Is(err, r.Context().Err()) {
		s.log.Debug("watermarks could not be asked for", "component", "receipts", "form", receipt.Form, "error", err)
	}
	w.Header().Set("Vary", "Accept, Accept-Language")
	if prefersHTML(r.Header) {
		s.page(w, r, fate.NewView(receipt, become), receipt.ReceivedAt)
		return
	}
	writeJSON(w, http.StatusOK, mediaJSON, fate.NewView(receipt, become))
}

// asked gives the fates somebody to ask.
func (t *topics) asked(context.Context) (fate.Admin, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.admin == nil {
		return nil, errors.New("the brokers have not answered yet")
	}
	return t.admin, nil
}
