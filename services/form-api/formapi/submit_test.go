package formapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
)

func TestSubmit_accepted(t *testing.T) {
	var got submission.Submission
	b := setup(t, &fakeProducer{func(ctx context.Context, topic string, key []byte, headers []submission.Header, value []byte) (int32, int64, error) {
		require.Equal(t, "forms.demo", topic)
		_, bounded := ctx.Deadline()
		require.True(t, bounded)
		var err error
		got, err = submission.Parse(key, headers, value)
		require.NoError(t, err)
		return 4, 17, nil
	}})

	w := b.post(`{"name":"  Ada  ","age":36}`)

	require.Equal(t, http.StatusAccepted, w.Code, w.Body)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	var answer map[string]string
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	receipt := answer["receipt"]
	delete(answer, "receipt")
	require.Equal(t, map[string]string{
		"id": "0193506c-0000-7000-8000-000000000001", "form": "demo", "received_at": "2026-11-21T17:30:00.123Z",
	}, answer)

	at := time.Date(2026, 11, 21, 17, 30, 0, 123_000_000, time.UTC)
	require.Equal(t, submission.Submission{ID: answer["id"], Form: "demo", ReceivedAt: at, Data: []byte(`{"name":"Ada","age":36}`)}, got)
	opened, err := b.intake.signer.Open(receipt)
	require.NoError(t, err)
	require.Equal(t, submission.Receipt{Form: "demo", Partition: 4, Offset: 17, ID: answer["id"], ReceivedAt: at}, opened)
	require.Equal(t, 1.0, count(t, b.metrics, "formstream_api_submissions_total", map[string]string{"form": "demo", "outcome": "accepted"}))
}

func TestSubmit_acceptedWithoutPlace_receiptSaysSo(t *testing.T) {
	b := setup(t, &fakeProducer{func(context.Context, string, []byte, []submission.Header, []byte) (int32, int64, error) {
		return 2, submission.NoOffset, nil
	}})
	w := b.post(good)
	require.Equal(t, http.StatusAccepted, w.Code)
	var answer accepted
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	opened, err := b.intake.signer.Open(answer.Receipt)
	require.NoError(t, err)
	require.EqualValues(t, submission.NoOffset, opened.Offset)
}

// What a form sends is stored as the same answers in JSON are; steering fields are not stored.
func TestSubmit_formEncoded_isStoredLikeJSON(t *testing.T) {
	multipart := "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nAda\r\n--b\r\nContent-Disposition: form-data; name=\"age\"\r\n\r\n36\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"_website\"\r\n\r\n\r\n--b--\r\n"
	for _, row := range []struct{ mediaType, body string }{
		{"application/json", good},
		{"application/x-www-form-urlencoded", "name=Ada&age=36&_website="},
		{"application/x-www-form-urlencoded; charset=UTF-8", "age=36&name=+Ada+"},
		{"multipart/form-data; boundary=b", multipart},
	} {
		t.Run(row.mediaType, func(t *testing.T) {
			var got []byte
			b := setup(t, &fakeProducer{func(_ context.Context, _ string, _ []byte, _ []submission.Header, value []byte) (int32, int64, error) {
				got = value
				return 0, 0, nil
			}})
			w := b.request(http.MethodPost, "/forms/demo", row.mediaType, row.body)
			require.Equal(t, http.StatusAccepted, w.Code, w.Body)
			require.Equal(t, `{"name":"Ada","age":36}`, string(got))
		})
	}
}

func TestSubmit_formThatCannotBeRead_saysWhy(t *testing.T) {
	file := "--b\r\nContent-Disposition: form-data; name=\"cv\"; filename=\"cv.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n--b--\r\n"
	for _, row := range []struct {
		name, mediaType, body string
		code                  Code
		detail                string
	}{
		{"a file", "multipart/form-data; boundary=b", file, CodeMediaType, "cv"},
		{"no multipart", "multipart/form-data; boundary=b", "name=Ada", CodeMalformed, ""},
		{"broken escape", "application/x-www-form-urlencoded", "name=%zz", CodeMalformed, "%"},
		{"twice", "application/x-www-form-urlencoded", "name=Ada&name=Eve", CodeMalformed, "name"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := setup(t, nil).request(http.MethodPost, "/forms/demo", row.mediaType, row.body)
			p := problemOf(t, row.code, w.Header(), w.Body)
			require.Contains(t, p.Detail, row.detail)
			require.NotContains(t, p.Detail, "Eve")
		})
	}
}

func TestSubmit_mediaTypes(t *testing.T) {
	for _, ok := range []string{"application/json", "application/json; charset=utf-8", `APPLICATION/JSON;charset="UTF-8"`, "application/json; profile=x"} {
		t.Run(ok, func(t *testing.T) {
			require.Equal(t, http.StatusAccepted, setup(t, stored()).request(http.MethodPost, "/forms/demo", ok, good).Code)
		})
	}
	for _, no := range []string{"", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded; charset=latin1", "application/json; charset=latin1", "application/vnd.api+json", "nonsense/;;"} {
		t.Run("refused "+no, func(t *testing.T) {
			w := setup(t, nil).request(http.MethodPost, "/forms/demo", no, good)
			problemOf(t, CodeMediaType, w.Header(), w.Body)
			require.Equal(t, http.StatusUnsupportedMediaType, w.Code)
			const all = "application/json, application/x-www-form-urlencoded, multipart/form-data"
			require.Equal(t, all, w.Header().Get("Accept-Post"))
			require.Equal(t, all, w.Header().Get("Accept"))
		})
	}
	t.Run("compressed", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodPost, "/forms/demo", strings.NewReader(good))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Content-Encoding", "gzip")
		w := httptest.NewRecorder()
		setup(t, nil).handler.ServeHTTP(w, r)
		problemOf(t, CodeMediaType, w.Header(), w.Body)
		require.Equal(t, "identity", w.Header().Get("Accept-Encoding"))
	})
}

func TestSubmit_unknownForm_listsNone(t *testing.T) {
	b := setup(t, nil)
	for _, path := range []string{"/forms/nobody", "/forms/DEMO", "/forms/demo%2F", "/forms/%00"} {
		w := b.request(http.MethodPost, path, "application/json", good)
		require.Equal(t, http.StatusNotFound, w.Code, path)
		require.NotContains(t, w.Body.String(), "demo", path)
	}
	require.Equal(t, 4.0, count(t, b.metrics, "formstream_api_submissions_total", map[string]string{"form": "unknown", "outcome": "unknown-form"}))
}

func TestRoutes_otherAddressesAndMethods(t *testing.T) {
	b := setup(t, nil)
	for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions} {
		w := b.request(method, "/forms/demo", "", "")
		require.Equal(t, http.StatusMethodNotAllowed, w.Code, method)
		require.Equal(t, "GET, HEAD, POST", w.Header().Get("Allow"), method)
	}
	w := b.request(http.MethodGet, "/forms/nobody", "", "")
	problemOf(t, CodeUnknownForm, w.Header(), w.Body)
	for _, path := range []string{"/forms", "/forms/", "/forms/demo/x", "/metrics", "/livez", "/readyz", "/debug/pprof/"} {
		w := b.request(http.MethodGet, path, "", "")
		problemOf(t, CodeNotFound, w.Header(), w.Body)
	}
	w = b.request(http.MethodPost, "/problems/invalid", "", "")
	problemOf(t, CodeMethod, w.Header(), w.Body)
	require.Equal(t, "GET", w.Header().Get("Allow"))
	w = b.request(http.MethodGet, "/", "", "")
	require.Equal(t, http.StatusOK, w.Code)
	require.NotContains(t, w.Body.String(), "demo", "no form is listed")
	require.Equal(t, http.StatusOK, b.request(http.MethodHead, "/", "", "").Code)
	require.Equal(t, http.StatusOK, b.request(http.MethodHead, "/problems/busy", "", "").Code)
}

func TestProblems_everyTypeResolves(t *testing.T) {
	b := setup(t, nil)
	seen := map[string]bool{}
	for _, code := range codes() {
		status, title, remedy := code.about()
		require.False(t, seen[title], "titles tell problems apart")
		seen[title] = true
		w := b.request(http.MethodGet, newProblem(code, "").Type, "", "")
		require.Equal(t, http.StatusOK, w.Code)
		require.Contains(t, w.Header().Get("Content-Type"), "text/html")
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
		for _, part := range []string{title, string(code), fmt.Sprint(status)} {
			require.Contains(t, w.Body.String(), part)
		}
		require.NotEmpty(t, remedy)
	}
	w := b.request(http.MethodGet, "/problems/nonsense", "", "")
	problemOf(t, CodeNotFound, w.Header(), w.Body)
}

func TestSubmit_malformed_saysWhere(t *testing.T) {
	w := setup(t, nil).post("{\n  \"name\": \"Ada\",\n}")
	p := problemOf(t, CodeMalformed, w.Header(), w.Body)
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Equal(t, &Position{Line: 3, Column: 1, Offset: 19}, p.Position)
	require.Contains(t, p.Detail, "line 3, column 1")
}

func TestSubmit_invalid_oneEntryForEachWrongField(t *testing.T) {
	b := setup(t, nil)
	w := b.post(fmt.Sprintf(`{"name":"","age":"old","message":%q,"colour":"secret-blue"}`, strings.Repeat("é", 50_001)))
	require.Equal(t, http.StatusUnprocessableEntity, w.Code)
	p := problemOf(t, CodeInvalid, w.Header(), w.Body)
	require.Contains(t, p.Detail, "4 fields are")
	rules := map[string]string{}
	for _, e := range p.Errors {
		rules[e.Field] = e.Rule
		require.NotEmpty(t, e.Message)
	}
	require.Len(t, rules, 4)
	require.Equal(t, "required", rules["name"])
	require.Equal(t, "undeclared", rules["colour"])
	require.Contains(t, rules, "age")
	require.Contains(t, rules, "message")
	require.NotContains(t, b.log.String(), "secret-blue")
}

func TestSubmit_tooLarge(t *testing.T) {
	b := setup(t, stored())
	fits := fmt.Sprintf(`{"name":"Ada","message":%q}`, strings.Repeat("x", 40_000))
	fits += strings.Repeat(" ", maxBody-len(fits))
	require.Equal(t, http.StatusAccepted, b.post(fits).Code, "exactly 256 KiB")

	w := b.post(fits + " ")
	problemOf(t, CodeTooLarge, w.Header(), w.Body)
	require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	require.Zero(t, b.intake.bodies.held.Load())
}

func TestSubmit_brokerAnswers(t *testing.T) {
	failed := func(fate kafka.Fate, permanent bool, err error) error {
		return &kafka.ProduceError{Topic: "forms.demo", Fate: fate, Permanent: permanent, Err: err}
	}
	tests := map[string]struct {
		err    error
		code   Code
		status int
		stored string
	}{
		"not in time, handed over":     {failed(kafka.MaybeStored, false, context.DeadlineExceeded), CodeUnconfirmed, 503, "maybe"},
		"not in time, not handed over": {failed(kafka.NotStored, false, context.DeadlineExceeded), CodeUnavailable, 503, "no"},
		"brokers away":                 {failed(kafka.NotStored, false, kafka.ErrAway), CodeUnavailable, 503, "no"},
		"too many waiting":             {failed(kafka.NotStored, false, kafka.ErrBusy), CodeBusy, 503, "no"},
		"too large for the brokers":    {failed(kafka.NotStored, true, errors.New("large")), CodeTooLarge, 413, ""},
		"an error that tells nothing":  {errors.New("what"), CodeUnconfirmed, 503, "maybe"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t, &fakeProducer{func(context.Context, string, []byte, []submission.Header, []byte) (int32, int64, error) {
				return 0, submission.NoOffset, test.err
			}})
			w := b.post(good)
			p := problemOf(t, test.code, w.Header(), w.Body)
			require.Equal(t, test.status, w.Code)
			require.Equal(t, test.stored, p.Stored)
			require.Equal(t, test.status == 503, w.Header().Get("Retry-After") != "")
			if test.code == CodeUnconfirmed {
				require.Equal(t, "0193506c-0000-7000-8000-000000000001", p.ID)
				require.Equal(t, "demo", p.Form)
				require.Contains(t, p.Detail, "may still be stored, at most once")
			} else {
				require.Empty(t, p.ID)
			}
			if test.stored == storedNo {
				require.Contains(t, p.Detail, "Nothing was stored")
			}
		})
	}
}

func TestSubmit_topicMissing_refusedBeforeProduce(t *testing.T) {
	b := setup(t, nil)
	b.intake.missing = func(topic string) bool { return topic == "forms.demo" }
	w := b.post(good)
	p := problemOf(t, CodeUnavailable, w.Header(), w.Body)
	require.Equal(t, "no", p.Stored)
}

func TestSubmit_tooManyInFlight_refusedAndPlacesComeBack(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	b := setup(t, &fakeProducer{func(context.Context, string, []byte, []submission.Header, []byte) (int32, int64, error) {
		entered <- struct{}{}
		<-release
		return 0, 0, nil
	}})
	b.intake.maxInFlight = 2
	done := make(chan int)
	for range 2 {
		go func() { done <- b.post(good).Code }()
		<-entered
	}
	w := b.post(good)
	p := problemOf(t, CodeBusy, w.Header(), w.Body)
	require.Equal(t, "no", p.Stored)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	close(release)
	require.Equal(t, http.StatusAccepted, <-done)
	require.Equal(t, http.StatusAccepted, <-done)
	require.Zero(t, b.intake.inFlight.Load())
}

func TestSubmit_bodiesTakeTooMuchMemory_refused(t *testing.T) {
	b := setup(t, stored())
	b.intake.bodies.budget = 600
	require.Equal(t, http.StatusAccepted, b.post(good).Code)
	w := b.post(`{"name":"` + strings.Repeat("x", 5000) + `"}`)
	problemOf(t, CodeBusy, w.Header(), w.Body)
	require.Zero(t, b.intake.bodies.held.Load())
}

// brokenBody ends in an error.
type brokenBody struct {
	text string
	err  error
}

func (b *brokenBody) Read(p []byte) (int, error) {
	n := copy(p, b.text)
	b.text = b.text[n:]
	if n == 0 {
		return 0, b.err
	}
	return n, nil
}

func TestSubmit_bodyDoesNotArrive(t *testing.T) {
	tests := map[string]struct {
		err  error
		code Code
	}{
		"in time":      {fmt.Errorf("read: %w", os.ErrDeadlineExceeded), CodeTooSlow},
		"in one piece": {errors.New("connection reset"), CodeMalformed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t, nil)
			r := httptest.NewRequest(http.MethodPost, "/forms/demo", &brokenBody{`{"name":`, test.err})
			r.ContentLength = 20
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			b.handler.ServeHTTP(w, r)
			problemOf(t, test.code, w.Header(), w.Body)
			require.Zero(t, b.intake.bodies.held.Load())
		})
	}
}

func TestSubmit_panic_answered500AndLoggedWithoutValues(t *testing.T) {
	for name, cause := range map[string]any{"ours": "the value was secret-blue", "an error": errors.New("secret-blue"), "the runtime's": nil} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, &fakeProducer{func(context.Context, string, []byte, []submission.Header, []byte) (int32, int64, error) {
				if cause == nil {
					var none []int
					return int32(none[3]), 0, nil
				}
				panic(cause)
			}})
			w := b.post(good)
			problemOf(t, CodeInternal, w.Header(), w.Body)
			require.Equal(t, http.StatusInternalServerError, w.Code)
			require.Contains(t, b.log.String(), "panic")
			require.NotContains(t, b.log.String(), "secret-blue")
			require.Zero(t, b.intake.inFlight.Load())
			require.Equal(t, 1.0, count(t, b.metrics, "formstream_api_panics_total", nil))
		})
	}
	t.Run("abort goes on", func(t *testing.T) {
		b := setup(t, &fakeProducer{func(context.Context, string, []byte, []submission.Header, []byte) (int32, int64, error) {
			panic(http.ErrAbortHandler)
		}})
		require.PanicsWithError(t, http.ErrAbortHandler.Error(), func() { b.post(good) })
	})
}

func TestAccessLog_holdsNoValue(t *testing.T) {
	b := setup(t, stored())
	b.post(`{"name":"secret-blue"}`)
	b.request(http.MethodPost, "/forms/secret-form", "application/json", `{"secret-blue":1}`)
	require.Contains(t, b.log.String(), `"form":"demo","outcome":"accepted","status":202`)
	require.Contains(t, b.log.String(), `"form":"unknown"`)
	require.NotContains(t, b.log.String(), "secret")
}

func BenchmarkHandler(b *testing.B) {
	bundle := setup(b, stored())
	bundle.log = nil
	bundle.handler = newHandler(bundle.intake, bundle.receipts, discard())
	body := []byte(good)
	b.ReportAllocs()
	for b.Loop() {
		if err := serveOnce(bundle.handler, body); err != nil {
			b.Fatal(err)
		}
	}
}
