package sheet

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/googleapi"
)

func TestClassify_byStatus(t *testing.T) {
	old := []googleapi.ErrorItem{{Reason: "rateLimitExceeded"}}
	for _, test := range []struct {
		err   *googleapi.Error
		want  Outcome
		after time.Duration
	}{
		{&googleapi.Error{Code: 429}, Throttled, 0},
		{&googleapi.Error{Code: 429, Header: http.Header{"Retry-After": {"7"}}}, Throttled, 7 * time.Second},
		{&googleapi.Error{Code: 429, Header: http.Header{"Retry-After": {"Sat, 21 Nov 2026 12:00:00 GMT"}}}, Throttled, 0},
		{&googleapi.Error{Code: 403, Errors: old}, Throttled, 0},
		{&googleapi.Error{Code: 403, Errors: []googleapi.ErrorItem{{Reason: "userRateLimitExceeded"}}}, Throttled, 0},
		{&googleapi.Error{Code: 403, Errors: []googleapi.ErrorItem{{Reason: "forbidden"}}}, Denied, 0},
		{&googleapi.Error{Code: 400, Message: "Quota exceeded: already exists"}, Refused, 0}, // never by a message's text
		{&googleapi.Error{Code: 401}, Denied, 0},
		{&googleapi.Error{Code: 403}, Denied, 0},
		{&googleapi.Error{Code: 404}, Denied, 0},
		{&googleapi.Error{Code: 408}, Unknown, 0},
		{&googleapi.Error{Code: 409}, Unknown, 0},
		{&googleapi.Error{Code: 413}, Refused, 0},
		{&googleapi.Error{Code: 500}, Unknown, 0},
		{&googleapi.Error{Code: 502, Body: "<html>"}, Unknown, 0},
		{&googleapi.Error{Code: 503}, Unknown, 0},
		{&googleapi.Error{Code: 504}, Unknown, 0},
	} {
		t.Run(fmt.Sprint(test.err.Code, test.err.Errors, test.err.Header), func(t *testing.T) {
			err := classify(fmt.Errorf("do: %w", test.err))
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, test.want, e.Outcome)
			require.Equal(t, test.after, e.After)
			require.Equal(t, test.err.Code, e.Status)
			require.Equal(t, test.want, OutcomeOf(fmt.Errorf("flush: %w", err)))
			require.ErrorIs(t, err, test.err, "the cause stays in the chain")
			require.ErrorContains(t, err, test.want.String())
		})
	}
}

func TestOutcomeOf_anythingElse_isUnknown(t *testing.T) {
	require.Equal(t, Unknown, OutcomeOf(errors.New("connection reset")))
	require.Equal(t, Unknown, OutcomeOf(classify(errors.New("connection reset"))))
}
