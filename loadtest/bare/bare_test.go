package bare_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/formstream/formstream/loadtest/bare"
	"github.com/formstream/formstream/pkgtest/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, kafkatest.Leftovers()...) }

const (
	topic    = "loadtest.floor"
	good     = `{"name":"Ada Lovelace","email":"ada@example.org","message":"Hello"}`
	patience = 30 * time.Second
)

func start(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL + "/forms/demo-form"
}

func startFloor(t *testing.T, c *kafkatest.Cluster, timeout time.Duration) string {
	t.Helper()
	floor, err := bare.NewFloor(bare.FloorOptions{Brokers: c.Brokers(), Topic: topic, Partitions: 2, Timeout: timeout})
	require.NoError(t, err)
	t.Cleanup(floor.Close) // after the server has ended
	return start(t, floor.Handler())
}

// post returns the status and the id of a 202.
func post(t *testing.T, url, body string) (status int, id string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Post(url, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var answer struct{ ID string }
	if resp.StatusCode == http.StatusAccepted {
		require.NoError(t, json.Unmarshal(text, &answer))
	}
	return resp.StatusCode, answer.ID
}

func TestHandler_eachMode_answersByTheRulesOfTheDemoForm(t *testing.T) {
	urls := map[string]string{
		"ceiling": start(t, bare.Ceiling()),
		"floor":   startFloor(t, kafkatest.Start(t), patience),
	}
	for _, row := range []struct {
		name, body string
		want       int
	}{
		{"good", good, http.StatusAccepted},
		{"no JSON", `{"name":`, http.StatusBadRequest},
		{"too large", `{"name":"` + strings.Repeat("a", 256<<10) + `"}`, http.StatusBadRequest},
		{"no email", `{"name":"Ada","message":"Hello"}`, http.StatusUnprocessableEntity},
		{"wrong email", `{"name":"Ada","email":"ada","message":"Hello"}`, http.StatusUnprocessableEntity},
		{"name too long", `{"name":"` + strings.Repeat("a", 201) + `","email":"a@example.org","message":"Hello"}`, http.StatusUnprocessableEntity},
	} {
		for mode, url := range urls {
			t.Run(row.name+" to the "+mode, func(t *testing.T) {
				status, id := post(t, url, row.body)
				require.Equal(t, row.want, status)
				require.Equal(t, row.want == http.StatusAccepted, id != "")
			})
		}
	}
}

func TestFloor_accepted_isInTheLog(t *testing.T) {
	c := kafkatest.Start(t)
	url := startFloor(t, c, patience)
	status, id := post(t, url, good)
	require.Equal(t, http.StatusAccepted, status)
	records := kafkatest.Records(t, c.Brokers(), topic)
	require.Len(t, records, 1)
	require.Equal(t, id, string(records[0].Key))
	require.JSONEq(t, good, string(records[0].Value))
}

func TestFloor_brokersDoNotAck_answers503(t *testing.T) {
	c := kafkatest.Start(t)
	url := startFloor(t, c, 200*time.Millisecond)
	c.Pause()
	status, _ := post(t, url, good)
	require.Equal(t, http.StatusServiceUnavailable, status)
	c.Resume()
	deadline := time.Now().Add(patience) // a Sarama that waits for a connection's end first
	for status = 0; status != http.StatusAccepted && time.Now().Before(deadline); {
		status, _ = post(t, url, good)
	}
	require.Equal(t, http.StatusAccepted, status)
}

func TestNewFloor_topicIsThere_takesIt(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topics(3, topic))
	status, _ := post(t, startFloor(t, c, patience), good)
	require.Equal(t, http.StatusAccepted, status)
}

func TestNewFloor_noBroker_saysSo(t *testing.T) {
	c := kafkatest.Start(t)
	c.Stop()
	_, err := bare.NewFloor(bare.FloorOptions{Brokers: c.Brokers(), Topic: topic, Partitions: 1, Timeout: time.Second})
	require.ErrorContains(t, err, "connect to the brokers")
}
