package formapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/formstream/formstream/services/form-api/formapi/replay"
)

// keyField is the hidden field by which a page without a script sends its Idempotency-Key.
const keyField = "_key"

// repeats remembers the answers to keyed submissions: see [replay.Store].
type repeats interface {
	Begin(ctx context.Context, r replay.Request) replay.Outcome
	Finish(r replay.Request, answer []byte) []byte
	Release(r replay.Request)
}

// keyOf returns the Idempotency-Key of a request; "" when it has none. The header comes before the field.
func keyOf(r *http.Request, steering map[string]string) (string, error) {
	key, err := replay.FromHeader(r.Header)
	if err != nil || key != "" || steering[keyField] == "" {
		return key, err
	}
	return replay.Key(steering[keyField])
}

// storeOnce stores a keyed submission, or says again what was said when the same request came before. What is remembered
// is a courtesy: its id is made of form, key and values, so a repeat becomes one row in any case.
func (in *intake) storeOnce(ctx context.Context, p parcel, key string) answer {
	request := replay.Request{Form: p.form.ID, Key: key, ID: p.submission.ID}
	before := in.repeats.Begin(ctx, request)
	switch before.State {
	case replay.Conflict:
		return refuse(newProblem(CodeKeyReused, ""))
	case replay.Saved:
		var said accepted
		if json.Unmarshal(before.Answer, &said) == nil {
			return answer{accepted: &said, repeated: true}
		}
	case replay.First:
	}
	a := in.store(ctx, p)
	if a.problem != nil {
		in.repeats.Release(request)
		return a
	}
	said, err := json.Marshal(a.accepted)
	if err != nil {
		panic(fmt.Errorf("encode an answer of ours: %w", err))
	}
	if kept := in.repeats.Finish(request, said); string(kept) != string(said) {
		var first accepted
		if json.Unmarshal(kept, &first) == nil {
			return answer{accepted: &first, repeated: true}
		}
	}
	return a
}
