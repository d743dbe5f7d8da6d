package formapi

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/formstream/formstream/pkgtest/kafkatest"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// patient lets a submission wait longer than a busy machine may stand still.
func patient(cfg *Config) { cfg.ProduceTimeout = time.Minute }

// blank is a ResponseWriter that costs next to nothing itself.
type blank struct {
	header http.Header
	code   int
	body   []byte // of the last Write
}

func (b *blank) Header() http.Header  { return b.header }
func (b *blank) WriteHeader(code int) { b.code = code }
func (b *blank) Write(p []byte) (int, error) {
	b.body = p
	return len(p), nil
}

func serveOnce(h http.Handler, body []byte) error {
	r, _ := http.NewRequest(http.MethodPost, "/forms/demo", bytes.NewReader(body)) //nolint:noctx // no network
	r.Header.Set("Content-Type", "application/json")
	w := blank{header: make(http.Header)}
	h.ServeHTTP(&w, r)
	if w.code != http.StatusAccepted {
		return fmt.Errorf("answered %d: %s", w.code, w.body)
	}
	return nil
}

// BenchmarkHandler_broker is one request from the router to the acknowledgement of an in-process broker, without the
// network before it.
func BenchmarkHandler_broker(b *testing.B) {
	for _, callers := range []int{64, 512} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			c := kafkatest.Start(b, kafkatest.Blackhole())
			bundle := setupApp(b, c.Brokers(), patient)
			bundle.waitReady()
			body := []byte(good)
			b.ReportAllocs()
			b.SetParallelism(callers / 2)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := serveOnce(bundle.app.handler, body); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkHTTP is the same over a real connection.
func BenchmarkHTTP(b *testing.B) {
	c := kafkatest.Start(b, kafkatest.Blackhole())
	bundle := setupApp(b, c.Brokers(), patient)
	bundle.waitReady()
	b.ReportAllocs()
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			resp, err := bundle.client.Post(bundle.url+"/forms/demo", "application/json", bytes.NewReader([]byte(good)))
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	})
}
