package bare

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-playground/validator/v10"
	"github.com/google/uuid"
)

const maxBody = 256 << 10 // bytes

// answers are the demo form's fields and rules.
type answers struct {
	Name    string `json:"name" validate:"required,max=200"`
	Email   string `json:"email" validate:"required,max=254,email"`
	Message string `json:"message" validate:"required,max=5000"`
}

// taken is the answer to a submission.
type taken struct {
	ID string `json:"id"`
}

// keep makes a submission durable. An error is answered with 503.
type keep func(ctx context.Context, id string, a *answers) error

// Ceiling answers 202 to what is valid, and forgets it.
func Ceiling() http.Handler {
	return newHandler(func(context.Context, string, *answers) error { return nil })
}

func newHandler(keep keep) http.Handler {
	validate := validator.New(validator.WithRequiredStructEnabled())
	r := chi.NewRouter()
	r.Post("/forms/{form}", func(w http.ResponseWriter, r *http.Request) {
		var a answers
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&a); err != nil {
			http.Error(w, "the body is not the JSON of a submission", http.StatusBadRequest)
			return
		}
		if err := validate.Struct(&a); err != nil {
			http.Error(w, "some answers are not right", http.StatusUnprocessableEntity)
			return
		}
		id := uuid.Must(uuid.NewV7()).String()
		if err := keep(r.Context(), id, &a); err != nil {
			w.Header().Set("Retry-After", "2")
			http.Error(w, "the submission could not be confirmed", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		_ = json.NewEncoder(w).Encode(taken{ID: id}) // who has gone misses the answer
	})
	return r
}
