package trace

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
)

func TestUploadTraces_eachAnswer_isTriedAgainOrNot(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		times  int64 // how often the collector answers so before it takes the batch
		want   int64 // requests
		sent   bool
	}{
		{name: "taken", times: 0, want: 1, sent: true},
		{name: "busy once", status: http.StatusTooManyRequests, times: 1, want: 2, sent: true},
		{name: "away for good", status: http.StatusServiceUnavailable, times: 100, want: attempts},
		{name: "refused", status: http.StatusUnauthorized, times: 100, want: 1},
		{name: "broken", status: http.StatusInternalServerError, times: 100, want: 1},
		{name: "sends elsewhere", status: http.StatusFound, times: 100, want: 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel() // each waits between two attempts
			var asked atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if asked.Add(1) <= row.times {
					w.Header().Set("Location", "http://127.0.0.1:1/")
					w.WriteHeader(row.status)
				}
			}))
			t.Cleanup(server.Close)
			c := newClient(server.URL, http.Header{})
			t.Cleanup(c.stop)
			err := c.UploadTraces(t.Context(), []*otlp.ResourceSpans{{}})
			require.Equal(t, row.sent, err == nil, "%v", err)
			require.Equal(t, row.want, asked.Load())
		})
	}
}

func TestRetryAfter_whatTheCollectorSays_isBounded(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": maxPause / 4, "0": 0, "1": time.Second, "3600": maxPause, "-1": maxPause / 4, "Fri, 31 Dec 1999 23:59:59 GMT": maxPause / 4,
	} {
		require.Equal(t, want, retryAfter(http.Header{"Retry-After": {text}}), text)
	}
}
