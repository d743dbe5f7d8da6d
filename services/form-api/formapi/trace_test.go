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

// What a caller says of its trace goes with the submission, also where no collector is told.
func TestSubmit_traceContext_goesIntoTheLog(t *testing.T) {
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, row := range []struct{ name, given, want string }{{"valid", parent, parent}, {"none", "", ""}, {"malformed", "00-zz", ""}} {
		t.Run(row.name, func(t *testing.T) {
			got := ""
			b := setup(t, &fakeProducer{func(_ context.Context, _ string, _ []byte, headers []submission.Header, _ []byte) (int32, int64, error) {
				for _, h := range headers {
					if h.Key == "traceparent" {
						got = string(h.Value)
					}
				}
				return 0, 0, nil
			}})
			r := httptest.NewRequest(http.MethodPost, "/forms/demo", strings.NewReader(good))
			r.Header.Set("Content-Type", mediaJSON)
			if row.given != "" {
				r.Header.Set("Traceparent", row.given)
			}
			w := httptest.NewRecorder()
			b.handler.ServeHTTP(w, r)
			require.Equal(t, http.StatusAccepted, w.Code)
			require.Equal(t, row.want, got)
		})
	}
}
