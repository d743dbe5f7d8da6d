package trace

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	attempts    = 3
	attemptTime = 3 * time.Second
	maxPause    = 2 * time.Second  // between two attempts, whatever the collector asks for
	maxAnswer   = 64 << 10         // bytes, read so that the connection can serve again
	idleTime    = 30 * time.Second // longer than between two batches of a busy process
)

// client sends spans as OTLP over HTTP, in protobuf: https://opentelemetry.io/docs/specs/otlp/#otlphttp. It is an
// otlptrace.Client; see docs/adr for why not the one of OpenTelemetry.
type client struct {
	url     string
	headers http.Header
	http    *http.Client
	stopped chan struct{}
	once    sync.Once
}

func newClient(url string, headers http.Header) *client {
	return &client{
		url: url, headers: headers, stopped: make(chan struct{}),
		http: &http.Client{
			Timeout:       attemptTime,
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, IdleConnTimeout: idleTime, MaxConnsPerHost: 1, ForceAttemptHTTP2: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a key is for this collector alone
		},
	}
}

// Start does nothing: the first batch connects.
func (c *client) Start(context.Context) error { return nil }

// Stop ends what is under way.
func (c *client) Stop(context.Context) error {
	c.stop()
	return nil
}

func (c *client) stop() {
	c.once.Do(func() { close(c.stopped) })
	c.http.CloseIdleConnections()
}

// UploadTraces sends one batch. The specification says which answers may be tried again.
func (c *client) UploadTraces(ctx context.Context, spans []*otlp.ResourceSpans) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with ctx: as soon as this returns
		select {
		case <-c.stopped:
			cancel()
		case <-ctx.Done():
		}
	}()
	body, err := encode(spans)
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		pause, err := c.post(ctx, body)
		if err == nil || pause < 0 || n == attempts {
			return err
		}
		select {
		case <-time.After(pause + rand.N(maxPause/4)):
		case <-ctx.Done():
			return err
		}
	}
}

// encode makes the request's body. TracesData has the same fields, in the same places, as the ExportTraceServiceRequest that
// the specification names, whose Go package brings gRPC along: go.opentelemetry.io/proto/otlp/trace/v1 says that it is so.
func encode(spans []*otlp.ResourceSpans) ([]byte, error) {
	text, err := proto.Marshal(&otlp.TracesData{ResourceSpans: spans})
	if err != nil {
		return nil, fmt.Errorf("encode traces: %w", err)
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, err = zip.Write(text)
	if err = errors.Join(err, zip.Close()); err != nil {
		return nil, fmt.Errorf("compress traces: %w", err)
	}
	return packed.Bytes(), nil
}

// post tries once. After an error, pause is how long to wait before the next time; below 0 it is of no use.
func (c *client) post(ctx context.Context, body []byte) (pause time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return -1, fmt.Errorf("send traces: %w", err)
	}
	for name, values := range c.headers {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "gzip")
	resp, err := c.http.Do(req)
	if err != nil {
		return maxPause / 4, fmt.Errorf("send traces: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return 0, nil
	}
	err = fmt.Errorf("send traces: the collector answers %s", resp.Status)
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return retryAfter(resp.Header), err
	}
	return -1, err
}

func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 31)
	if err != nil {
		return maxPause / 4
	}
	return min(time.Duration(seconds)*time.Second, maxPause)
}
