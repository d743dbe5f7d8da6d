package standalone_test

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/pkgtest/redistest"
)

func demo(message string) string {
	return fmt.Sprintf(`{"name":"Ada Lovelace","email":"ada@example.org","message":%q}`, message)
}

func student(roll string) string {
	return fmt.Sprintf(`{"name":"Grace Hopper","email":"grace@example.org","gender":"F","mobile":"+919876543210","roll":%q}`, roll)
}

// column returns one value of each row.
func column(rows [][]any, i int) []string {
	var out []string
	for _, row := range rows {
		if i < len(row) {
			out = append(out, fmt.Sprint(row[i]))
		}
	}
	return out
}

func TestStandalone_postedToBothForms_rowsAppearInOrderOfTime(t *testing.T) {
	data := t.TempDir()
	r := run(t, settings(data))
	for i := range 5 {
		require.Equal(t, http.StatusAccepted, r.post("demo-form", demo("m"+strconv.Itoa(i))))
		require.Equal(t, http.StatusAccepted, r.post("student-data-form", student("r"+strconv.Itoa(i))))
	}
	require.Equal(t, http.StatusUnprocessableEntity, r.post("demo-form", `{"name":"Ada"}`))
	require.Equal(t, http.StatusNotFound, r.post("no-form", demo("m")))
	eventually(t, "all rows", func() bool {
		return len(rows(t, r.Endpoint(), "Demo")) == 5 && len(rows(t, r.Endpoint(), "Students")) == 5
	})
	require.Equal(t, []string{"m0", "m1", "m2", "m3", "m4"}, column(rows(t, r.Endpoint(), "Demo"), 4))
	require.Equal(t, []string{"r0", "r1", "r2", "r3", "r4"}, column(rows(t, r.Endpoint(), "Students"), 7))
	require.Empty(t, r.log.text(), "nothing to warn of")
}

func TestStandalone_endedAtOnce_writesWhatWasAccepted(t *testing.T) {
	data := t.TempDir()
	r := run(t, settings(data))
	eventually(t, "greeting", func() bool { return r.out.text() != "" })
	for i := range 20 {
		require.Equal(t, http.StatusAccepted, r.post("demo-form", demo(strconv.Itoa(i))))
	}
	r.end()
	require.NotContains(t, r.log.text(), "not all that was accepted")
	r = run(t, settings(data))
	require.Len(t, rows(t, r.Endpoint(), "Demo"), 20, "in the sheet before it ended")
}

func TestStandalone_startedAgain_doublesNothingAndKeepsTopicsAndKey(t *testing.T) {
	data := t.TempDir()
	r := run(t, settings(data))
	receipt := r.receipt(demo("one"))
	r.end()
	topics, key := topicIDs(t, data), read(t, data, "receipt-key")
	require.Len(t, topics, 9, "submissions, verdicts and quarantine of each form")
	r = run(t, settings(data))
	require.Equal(t, http.StatusAccepted, r.post("demo-form", demo("two")))
	eventually(t, "second row", func() bool { return len(rows(t, r.Endpoint(), "Demo")) == 2 })
	require.Equal(t, []string{"one", "two"}, column(rows(t, r.Endpoint(), "Demo"), 4))
	r.end()
	require.Equal(t, topics, topicIDs(t, data), "topic ids are part of the marker in the sheet")
	require.Equal(t, key, read(t, data, "receipt-key"))
	signer, err := submission.NewSigner([]byte(strings.TrimSpace(key)))
	require.NoError(t, err)
	_, err = signer.Open(receipt)
	require.NoError(t, err, "the receipt of before is good after")
	info, err := os.Stat(filepath.Join(data, "receipt-key"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

// The commands that the greeting offers are taken from it as they are, and accepted.
func TestStandalone_greeting_curlLinesAreAccepted(t *testing.T) {
	r := run(t, settings(t.TempDir()))
	eventually(t, "greeting", func() bool { return strings.Contains(r.out.text(), "curl") })
	offered := regexp.MustCompile(`curl http://(\S+)/forms/(\S+) -H 'Content-Type: application/json' \\\n +-d '([^']*)'`).FindAllStringSubmatch(r.out.text(), -1)
	require.Len(t, offered, 3)
	for _, o := range offered {
		require.Equal(t, r.Addr(), o[1])
		require.Equal(t, http.StatusAccepted, r.post(o[2], o[3]))
	}
	page := regexp.MustCompile(`http://\S+/spreadsheets/d/formstream-demo`).FindString(r.out.text())
	resp, err := http.Get(page) //nolint:noctx,gosec // the server is ours
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

// A power failure under -fsync=false: what was committed is there, the log's end is not.
func TestStandalone_logLostItsEnd_newSubmissionsAreNotTakenForDelivered(t *testing.T) {
	data := t.TempDir()
	r := run(t, settings(data))
	for i := range 30 {
		require.Equal(t, http.StatusAccepted, r.post("demo-form", demo("before "+strconv.Itoa(i))))
	}
	eventually(t, "rows", func() bool { return len(rows(t, r.Endpoint(), "Demo")) == 30 })
	r.end()
	partitions, err := filepath.Glob(filepath.Join(data, "kafka/partitions/forms.demo-form-*"))
	require.NoError(t, err)
	require.NotEmpty(t, partitions)
	for _, p := range partitions {
		require.NoError(t, os.RemoveAll(p))
	}

	r = run(t, settings(data))
	for i := range 10 {
		require.Equal(t, http.StatusAccepted, r.post("demo-form", demo("after "+strconv.Itoa(i))))
	}
	eventually(t, "new rows", func() bool { return len(rows(t, r.Endpoint(), "Demo")) == 40 })
	require.Contains(t, r.log.text(), "the embedded log had lost its end")
	r.end()

	r = run(t, settings(data))
	require.Equal(t, http.StatusAccepted, r.post("demo-form", demo("last")))
	eventually(t, "last row", func() bool { return len(rows(t, r.Endpoint(), "Demo")) == 41 })
	require.NotContains(t, r.log.text(), "had lost its end", "mended once, whole from then on")
}

// receipt posts to the demo form and returns the receipt.
func (r *running) receipt(body string) string {
	r.t.Helper()
	resp, err := http.Post("http://"+r.Addr()+"/forms/demo-form", "application/json", strings.NewReader(body)) //nolint:noctx // as post
	require.NoError(r.t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	var answer struct{ Receipt string }
	require.NoError(r.t, json.Unmarshal(text, &answer))
	require.NotEmpty(r.t, answer.Receipt)
	return answer.Receipt
}

// topicIDs are those that the embedded log keeps, by name; it lists them in any order.
func topicIDs(t testing.TB, data string) map[string]string {
	t.Helper()
	var file struct{ Topics []struct{ Name, ID string } }
	require.NoError(t, json.Unmarshal([]byte(read(t, data, "kafka/topics.json")), &file))
	ids := map[string]string{}
	for _, topic := range file.Topics {
		ids[topic.Name] = topic.ID
	}
	return ids
}

func read(t testing.TB, data, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, name))
	require.NoError(t, err)
	return string(text)
}

// The plug-in's events are where the greeting says, one for each submission, also across a restart.
func TestStandalone_plugin_producesOneEventForEachSubmission(t *testing.T) {
	data := t.TempDir()
	want := map[string]bool{}
	for round := range 2 {
		r := run(t, settings(data))
		eventually(t, "greeting", func() bool { return r.out.text() != "" })
		brokers := regexp.MustCompile(`Events +.* processed\.… at (\S+)`).FindStringSubmatch(r.out.text())
		require.Len(t, brokers, 2)
		require.Equal(t, http.StatusAccepted, r.post("demo-form", demo("what a jerk "+strconv.Itoa(round))))
		require.Equal(t, http.StatusAccepted, r.post("student-data-form", student("r"+strconv.Itoa(round))))
		for _, form := range []string{"demo-form", "student-data-form"} {
			eventually(t, "events", func() bool { return len(kafkatest.Records(t, brokers[1:], "processed."+form)) == round+1 })
			for _, e := range kafkatest.Records(t, brokers[1:], "processed."+form) {
				flagged := strings.Contains(string(e.Value), `"flagged":true`)
				require.Equal(t, form == "demo-form", flagged, string(e.Value))
				want[string(e.Key)] = true
			}
		}
		r.end()
		require.Empty(t, r.log.text())
	}
	require.Len(t, want, 4)
}

// Each embedded part gives way to a real one: here the three of another process, as it were.
func TestStandalone_pointedElsewhere_startsNothingOfItsOwn(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	_, rdb := redistest.Mini(t)
	emulator := run(t, settings(t.TempDir())) // for its Sheets API

	cfg := settings(t.TempDir())
	cfg.Kafka.Brokers, cfg.Endpoint = broker.ListenAddrs(), emulator.Endpoint()
	cfg.Redis.Addrs = []string{rdb.(*redis.Client).Options().Addr} //nolint:forcetypeassert // redistest makes one
	r := run(t, cfg)
	eventually(t, "accepted", func() bool { return r.post("demo-form", demo("elsewhere")) == http.StatusAccepted })
	eventually(t, "row", func() bool { return len(rows(t, emulator.Endpoint(), "Demo")) > 0 })
	require.NotZero(t, rdb.DBSize(t.Context()).Val(), "the buffer is in that Redis")
	r.end()
	for _, own := range []string{"kafka", "sheets"} {
		require.NoDirExists(t, filepath.Join(cfg.Data, own))
	}
}
