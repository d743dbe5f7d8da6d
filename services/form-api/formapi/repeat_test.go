package formapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/redistest"
	"github.com/formstream/formstream/services/form-api/formapi/replay"
)

// replicas are two form-api that share a Redis, and count what they store.
func replicas(t *testing.T, fail func(n int64) error) (first, second *testBundle, stored *atomic.Int64) {
	t.Helper()
	_, rdb := redistest.Mini(t)
	stored = &atomic.Int64{}
	one := func() *testBundle {
		b := setup(t, &fakeProducer{func(context.Context, string, []byte, []submission.Header, []byte) (int32, int64, error) {
			n := stored.Add(1)
			if fail != nil {
				if err := fail(n); err != nil {
					return 0, submission.NoOffset, err
				}
			}
			return 0, n, nil
		}})
		answers, err := replay.New(rdb, replay.Options{Prefix: "formstream:", Secret: []byte(testKey), Log: discard(), Metrics: prometheus.NewRegistry(), CallTimeout: 10 * time.Second})
		require.NoError(t, err)
		b.intake.repeats = answers
		return b
	}
	return one(), one(), stored
}

func (b *testBundle) keyed(key, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/forms/demo", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

func TestKeyed_sentAgainToAnotherReplica_hearsTheSameWords(t *testing.T) {
	first, second, stored := replicas(t, nil)
	said := first.keyed("a-key", good)
	require.Equal(t, http.StatusAccepted, said.Code, said.Body)
	again := second.keyed(`"a-key"`, ` { "age" : 36.0 , "name":"  Ada " } `) // the same values, quoted key
	require.Equal(t, http.StatusAccepted, again.Code)
	require.Equal(t, said.Body.String(), again.Body.String())
	require.EqualValues(t, 1, stored.Load())
	require.Equal(t, 1.0, count(t, second.metrics, "formstream_api_submissions_total", map[string]string{"form": "demo", "outcome": "repeated"}))
}

func TestKeyed_otherValues_is422AndSaysNothingOfTheFirst(t *testing.T) {
	first, second, stored := replicas(t, nil)
	said := first.keyed("a-key", good)
	w := second.keyed("a-key", `{"name":"Eve"}`)
	require.Equal(t, http.StatusUnprocessableEntity, w.Code)
	p := problemOf(t, CodeKeyReused, w.Header(), w.Body)
	require.NotContains(t, fmt.Sprint(p), said.Body.String()[7:43], "the first one's id")
	require.EqualValues(t, 1, stored.Load())
}

func TestKeyed_withoutRedis_isStoredAgainUnderTheSameID(t *testing.T) {
	var ids []string
	b := setup(t, &fakeProducer{func(_ context.Context, _ string, key []byte, _ []submission.Header, _ []byte) (int32, int64, error) {
		ids = append(ids, string(key))
		return 0, int64(len(ids)), nil
	}})
	require.Equal(t, http.StatusAccepted, b.keyed("a-key", good).Code)
	require.Equal(t, http.StatusAccepted, b.keyed("a-key", good).Code)
	require.Equal(t, http.StatusAccepted, b.keyed("b-key", good).Code)
	require.Len(t, ids, 3)
	require.Equal(t, ids[0], ids[1])
	require.NotEqual(t, ids[0], ids[2])
	require.True(t, submission.Keyed(ids[0]))
}

func TestKeyed_notConfirmed_isTriedAgain(t *testing.T) {
	first, second, stored := replicas(t, func(n int64) error {
		if n == 1 {
			return &kafka.ProduceError{Topic: "forms.demo", Fate: kafka.MaybeStored, Err: errors.New("no answer")}
		}
		return nil
	})
	w := first.keyed("a-key", good)
	p := problemOf(t, CodeUnconfirmed, w.Header(), w.Body)
	again := second.keyed("a-key", good)
	require.Equal(t, http.StatusAccepted, again.Code)
	require.Contains(t, again.Body.String(), p.ID, "under the id of the first attempt")
	require.EqualValues(t, 2, stored.Load())
}

func TestKeyed_wrongKey_saysWhatIsRight(t *testing.T) {
	b := setup(t, nil)
	for _, key := range []string{`"open`, "a b", strings.Repeat("k", 256)} {
		w := b.keyed(key, good)
		require.Equal(t, http.StatusBadRequest, w.Code)
		problemOf(t, CodeKey, w.Header(), w.Body)
	}
}

func TestKeyed_hiddenField_isAKeyToo(t *testing.T) {
	first, second, stored := replicas(t, nil)
	const body = "name=Ada&age=36&_key=0f8b2c"
	said := first.request(http.MethodPost, "/forms/demo", mediaURLEncoded, body)
	require.Equal(t, http.StatusAccepted, said.Code, said.Body)
	again := second.request(http.MethodPost, "/forms/demo", mediaURLEncoded, body)
	require.Equal(t, said.Body.String(), again.Body.String())
	require.EqualValues(t, 1, stored.Load())
}
