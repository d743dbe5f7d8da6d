package formapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/services/form-api/formapi/fate"
)

type fakeFates struct {
	state func(submission.Receipt) (fate.Fate, error)
}

func (f fakeFates) State(_ context.Context, r submission.Receipt) (fate.Fate, error) {
	return f.state(r)
}

func TestReceipts_tellTheFateOfWhatWasAnswered(t *testing.T) {
	b := setup(t, stored())
	var said accepted
	require.NoError(t, json.Unmarshal(b.post(good).Body.Bytes(), &said))
	for _, row := range []struct {
		name string
		fate fate.Fate
		err  error
		want string
	}{
		{"accepted", fate.Fate{State: fate.Accepted}, nil, `"state":"accepted"`},
		{"buffered", fate.Fate{State: fate.Buffered}, nil, `"state":"buffered"`},
		{"delivered", fate.Fate{State: fate.Delivered}, nil, `"state":"delivered"`},
		{"brokers away", fate.Fate{State: fate.Buffered, Stale: true}, errors.New("brokers away"), `"stale":true`},
	} {
		t.Run(row.name, func(t *testing.T) {
			b.receipts.fates = fakeFates{func(r submission.Receipt) (fate.Fate, error) {
				require.Equal(t, said.ID, r.ID)
				return row.fate, row.err
			}}
			w := b.request(http.MethodGet, "/receipts/"+said.Receipt, "", "")
			require.Equal(t, http.StatusOK, w.Code)
			require.Contains(t, w.Body.String(), row.want)
			require.Contains(t, w.Body.String(), said.ID)
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		})
	}
}

func TestReceipts_tampered_is404(t *testing.T) {
	b := setup(t, stored())
	var said accepted
	require.NoError(t, json.Unmarshal(b.post(good).Body.Bytes(), &said))
	for i := range said.Receipt {
		wrong := []byte(said.Receipt)
		if wrong[i] = 'A'; said.Receipt[i] == 'A' {
			wrong[i] = 'B'
		}
		w := b.request(http.MethodGet, "/receipts/"+string(wrong), "", "")
		require.Equal(t, http.StatusNotFound, w.Code, "character %d", i)
		problemOf(t, CodeNotFound, w.Header(), w.Body)
	}
}

// With nobody who reads the log, a submission is accepted; then it is what the consumers' commits say.
func TestReceipts_followTheCommits(t *testing.T) {
	onKafka(t, func(t *testing.T, log kafkatest.Log) {
		b := setupApp(t, log.Brokers(), nil)
		b.waitReady()
		_, _, body := b.post("/forms/demo", good)
		var said accepted
		require.NoError(t, json.Unmarshal(body, &said), string(body))
		receipt, err := b.app.intake.signer.Open(said.Receipt)
		require.NoError(t, err)
		require.Equal(t, fate.Accepted, b.fate(said.Receipt))

		topics, err := kafkatest.NewAdmin(t, log.Brokers()).Topics(t.Context(), []string{"forms.demo"})
		require.NoError(t, err)
		commit := func(delivered int64) {
			meta := buffer.Metadata{TopicID: topics["forms.demo"].ID, Delivered: delivered}
			kafkatest.Commit(t, log.Brokers(), fate.Group, "forms.demo", receipt.Partition, receipt.Offset+1, meta.String())
		}
		commit(receipt.Offset)
		kafkatest.WaitUntil(t, func() bool { return b.fate(said.Receipt) == fate.Buffered }, "buffered")
		commit(receipt.Offset + 1)
		kafkatest.WaitUntil(t, func() bool { return b.fate(said.Receipt) == fate.Delivered }, "delivered")
	})
}

func (b *appBundle) fate(receipt string) fate.State {
	b.t.Helper()
	resp, err := b.client.Get(b.url + "/receipts/" + receipt)
	require.NoError(b.t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(b.t, http.StatusOK, resp.StatusCode)
	var view fate.View
	require.NoError(b.t, json.NewDecoder(resp.Body).Decode(&view))
	return view.State
}
