package guard

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/formstream/formstream/pkg/form"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testKey  = "0123456789abcdef0123456789abcdef"
	visitor  = "203.0.113.7"
	oneKey   = "key-of-the-one-server"
	otherKey = "key-of-the-other-server"
)

// testForm is a form with more of a definition behind its fields.
func testForm(t testing.TB, more string) *form.Form {
	t.Helper()
	source := "id: demo\nfields: [{name: text, type: text}]\n" + more
	f, err := form.Parse("demo.yaml", []byte(source), func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	return f
}

func withKeys(t testing.TB, more string) *form.Form {
	t.Helper()
	return testForm(t, fmt.Sprintf("api-keys: [\"sha256:%x\", \"sha256:%x\"]\n%s", sha256.Sum256([]byte(oneKey)), sha256.Sum256([]byte(otherKey)), more))
}

// testBundle is a Guard and what it says.
type testBundle struct {
	*Guard
	t   testing.TB
	log *syncBuffer
}

func setup(t testing.TB, change func(*Options)) *testBundle {
	t.Helper()
	b := &testBundle{t: t, log: &syncBuffer{}}
	o := Options{
		Prefix: "test:", Keys: [][]byte{[]byte(testKey)}, Registerer: prometheus.NewRegistry(),
		Log: slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&o)
	}
	g, err := New(o)
	require.NoError(t, err)
	b.Guard = g
	return b
}

// post is a request to the demo form from an address, without a body.
func post(from string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://forms.example.org/forms/demo", nil)
	r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(from), 40_000).String()
	return r
}

// admit returns the code of the refusal, or "".
func (b *testBundle) admit(f *form.Form, from string) string {
	if refusal := b.Admit(post(from), f); refusal != nil {
		return refusal.Code
	}
	return ""
}

// judge returns the verdict on a post with these steering fields, names and values in turn.
func (b *testBundle) judge(f *form.Form, steering ...string) Verdict {
	p := Post{Form: f, Steering: map[string]string{}}
	for i := 0; i < len(steering); i += 2 {
		p.Steering[steering[i]] = steering[i+1]
	}
	return b.Judge(context.Background(), post(visitor), p)
}

func (b *testBundle) outcomes(outcome string) int {
	return int(testutil.ToFloat64(b.Guard.outcomes.WithLabelValues("demo", outcome)))
}

// syncBuffer is a buffer that may be written to while a test reads it.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
