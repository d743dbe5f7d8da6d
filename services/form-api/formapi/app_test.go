package formapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/kafkatest"
)

func TestApp_submission_isInTheLogWhereItsReceiptSays(t *testing.T) {
	onKafka(t, func(t *testing.T, c kafkatest.Log) {
		b := setupApp(t, c.Brokers(), nil)
		b.waitReady()

		var wanted []accepted
		for i := range 20 {
			status, _, body := b.post("/forms/demo", fmt.Sprintf(`{"name":"Ada %d","age":%d}`, i, i))
			require.Equal(t, http.StatusAccepted, status, "%s", body)
			var a accepted
			require.NoError(t, json.Unmarshal(body, &a))
			wanted = append(wanted, a)
		}

		records := kafkatest.Records(t, c.Brokers(), "forms.demo")
		require.Len(t, records, len(wanted))
		at := map[string]kafkatest.Record{}
		for _, r := range records {
			at[string(r.Key)] = r
		}
		for i, a := range wanted {
			r := at[a.ID]
			s, err := submission.Parse(r.Key, r.Headers, r.Value)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf(`{"name":"Ada %d","age":%d}`, i, i), string(s.Data))
			require.Equal(t, a.ReceivedAt, s.ReceivedAt.Format(timeLayout))
			require.Equal(t, submission.Partition(a.ID, 6), r.Partition, "six partitions are made")
			receipt, err := b.app.intake.signer.Open(a.Receipt)
			require.NoError(t, err)
			require.Equal(t, submission.Receipt{Form: "demo", Partition: r.Partition, Offset: r.Offset, ID: a.ID, ReceivedAt: s.ReceivedAt}, receipt)
		}
		require.Empty(t, kafkatest.Records(t, c.Brokers(), "forms.other"))
	})
}

func TestApp_brokersAway_startsAnswers503AndRecovers(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Durable())
	c.Stop()
	b := setupApp(t, c.Brokers(), nil)
	require.Error(t, b.ready())
	kafkatest.WaitUntil(t, func() bool {
		status, header, body := b.post("/forms/demo", good)
		p := problemOf(t, CodeUnavailable, header, bytes.NewReader(body))
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Equal(t, "no", p.Stored)
		require.NotEmpty(t, header.Get("Retry-After"))
		return strings.Contains(b.log.String(), "trying on")
	}, "it says why")
	status, _, _ := b.post("/forms/demo", `{"colour":1}`)
	require.Equal(t, http.StatusUnprocessableEntity, status, "what needs no broker works without one")

	c.Restart()
	b.waitReady()
	kafkatest.WaitUntil(t, func() bool {
		status, _, _ := b.post("/forms/demo", good)
		return status == http.StatusAccepted
	}, "accepted")
}

func TestApp_brokersHang_everyCallerIsAnsweredInTimeAndPlacesComeBack(t *testing.T) {
	onKafka(t, func(t *testing.T, c kafkatest.Log) {
		b := setupApp(t, c.Brokers(), func(cfg *Config) {
			cfg.ProduceTimeout = time.Second // a real broker takes some of it for its first record
			cfg.MaxInFlight = 60
		})
		b.waitReady()
		status, _, _ := b.post("/forms/demo", good)
		require.Equal(t, http.StatusAccepted, status)

		c.Pause()
		t.Cleanup(c.Resume)
		const callers = 100
		type reply struct {
			status int
			header http.Header
			body   []byte
		}
		replies := make(chan reply, callers)
		for range callers {
			go func() {
				resp, err := b.client.Post(b.url+"/forms/demo", "application/json", strings.NewReader(good))
				if err != nil {
					t.Error(err)
					replies <- reply{}
					return
				}
				defer func() { _ = resp.Body.Close() }()
				body, _ := io.ReadAll(resp.Body)
				replies <- reply{resp.StatusCode, resp.Header, body}
			}()
		}
		codes := map[Code]int{}
		maybe := map[string]bool{}
		for range callers {
			r := <-replies
			require.Equal(t, http.StatusServiceUnavailable, r.status)
			var p Problem
			require.NoError(t, json.Unmarshal(r.body, &p))
			codes[p.Code]++
			if p.Code == CodeUnconfirmed {
				require.Equal(t, storedMaybe, p.Stored)
				maybe[p.ID] = true
			} else {
				require.Equal(t, storedNo, p.Stored)
			}
		}
		require.Len(t, maybe, codes[CodeUnconfirmed])
		require.Positive(t, codes[CodeBusy], "%v: more callers than places", codes)
		require.Positive(t, b.app.producer.Waiting(), "places stay taken until Sarama has settled")
		require.LessOrEqual(t, b.app.producer.Waiting(), 60)
		require.Zero(t, b.app.intake.inFlight.Load())

		c.Resume()
		kafkatest.WaitUntil(t, func() bool { return b.app.producer.Waiting() == 0 }, "places come back")
		status, _, _ = b.post("/forms/demo", good)
		require.Equal(t, http.StatusAccepted, status)
		seen := map[string]bool{}
		accepted := 0
		for _, r := range kafkatest.Records(t, c.Brokers(), "forms.demo") {
			require.False(t, seen[string(r.Key)], "at most once")
			seen[string(r.Key)] = true
			if !maybe[string(r.Key)] {
				accepted++
			}
		}
		require.Equal(t, 2, accepted, "what was refused is not there")
	})
}

func TestApp_topicsMayNotBeCreated_notReadyAndSaysWhatToDo(t *testing.T) {
	onKafka(t, func(t *testing.T, c kafkatest.Log) {
		b := setupApp(t, c.Brokers(), func(cfg *Config) { cfg.Topics.Create = false })
		kafkatest.WaitUntil(t, func() bool {
			err := b.ready()
			return err != nil && strings.Contains(err.Error(), "--create --topic forms.demo --partitions 6")
		}, "readiness names the command")
		status, header, body := b.post("/forms/demo", good)
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Equal(t, "no", problemOf(t, CodeUnavailable, header, bytes.NewReader(body)).Stored)

		kafkatest.CreateTopic(t, c.Brokers(), "forms.demo", 3)
		kafkatest.CreateTopic(t, c.Brokers(), "forms.other", 3)
		kafkatest.CreateTopic(t, c.Brokers(), "quarantine.demo", 1)
		kafkatest.CreateTopic(t, c.Brokers(), "quarantine.other", 1)
		b.waitReady()
		kafkatest.WaitUntil(t, func() bool {
			status, _, _ := b.post("/forms/demo", good)
			return status == http.StatusAccepted
		}, "accepted")
	})
}

func TestApp_topicVanishes_onlyItsFormIsRefused(t *testing.T) {
	onKafka(t, func(t *testing.T, c kafkatest.Log) {
		b := setupApp(t, c.Brokers(), nil, func(a *App) { a.topics.looking = 20 * time.Millisecond })
		b.waitReady()
		kafkatest.DeleteTopic(t, c.Brokers(), "forms.demo")
		missing := func() float64 { return count(t, b.deps.Metrics, "formstream_api_topics_missing", nil) }
		kafkatest.WaitUntil(t, func() bool { return missing() == 1 }, "noticed")

		status, header, body := b.post("/forms/demo", good)
		require.Equal(t, http.StatusServiceUnavailable, status)
		problemOf(t, CodeUnavailable, header, bytes.NewReader(body))
		status, _, _ = b.post("/forms/other", `{"text":"x"}`)
		require.Equal(t, http.StatusAccepted, status)
		require.NoError(t, b.ready(), "one form does not take the others down")
		require.Contains(t, b.log.String(), "topic has vanished")

		kafkatest.CreateTopic(t, c.Brokers(), "forms.demo", 6)
		kafkatest.WaitUntil(t, func() bool { return missing() == 0 }, "noticed")
		kafkatest.WaitUntil(t, func() bool {
			status, _, _ := b.post("/forms/demo", good)
			return status == http.StatusAccepted
		}, "accepted again")
	})
}

func TestApp_topicIsForbidden_onlyItsFormSuffersAndTheLogSaysSoOnce(t *testing.T) {
	c := kafkatest.Start(t)
	b := setupApp(t, c.Brokers(), nil, func(a *App) { a.topics.looking = 20 * time.Millisecond })
	b.waitReady()
	forbidden := c.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: "forms.other", Err: kerr.TopicAuthorizationFailed, Count: -1})
	kafkatest.WaitUntil(t, func() bool { return forbidden.Hits() >= 5 }, "looked at more than once")

	status, _, body := b.post("/forms/demo", good)
	require.Equal(t, http.StatusAccepted, status, "%s", body)
	require.NoError(t, b.ready())
	require.Equal(t, 1, strings.Count(b.log.String(), "brokers do not tell of all topics"))
	require.Contains(t, b.log.String(), "forms.other: ")
	require.NotContains(t, b.log.String(), "topic has vanished")
}

func TestApp_drain_answersWhatIsInFlight(t *testing.T) {
	c := kafkatest.Start(t)
	b := setupApp(t, c.Brokers(), func(cfg *Config) { cfg.ProduceTimeout = time.Minute })
	b.waitReady()
	status, _, _ := b.post("/forms/demo", good)
	require.Equal(t, http.StatusAccepted, status, "the producer knows the topic")
	c.HoldAnswers()
	t.Cleanup(c.ReleaseAnswers)
	requests := c.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Observe: true, Count: -1})
	answers := make(chan int, 1)
	go func() {
		status, _, _ := b.post("/forms/demo", good)
		answers <- status
	}()
	kafkatest.WaitUntil(t, func() bool { return requests.Hits() == 1 }, "in flight")

	b.stop()
	kafkatest.WaitUntil(t, func() bool { return b.ready() != nil }, "readiness is off")
	kafkatest.WaitUntil(t, func() bool {
		conn, err := net.Dial("tcp", b.app.Addr())
		if err != nil {
			return true
		}
		_ = conn.Close()
		return false
	}, "takes nothing more")
	c.ReleaseAnswers()
	require.Equal(t, http.StatusAccepted, <-answers)
	require.NoError(t, b.end())
	require.Len(t, kafkatest.Records(t, c.Brokers(), "forms.demo"), 2)
}

func TestApp_noReceiptKey_warnsAndWorks(t *testing.T) {
	c := kafkatest.Start(t)
	b := setupApp(t, c.Brokers(), func(cfg *Config) { cfg.ReceiptKey = "" })
	b.waitReady()
	require.Contains(t, b.log.String(), "-receipt-key")
	_, _, body := b.post("/forms/demo", good)
	var a accepted
	require.NoError(t, json.Unmarshal(body, &a))
	_, err := b.app.intake.signer.Open(a.Receipt)
	require.NoError(t, err)
	other, err := submission.NewSigner([]byte(testKey))
	require.NoError(t, err)
	_, err = other.Open(a.Receipt)
	require.Error(t, err)
}

func TestApp_twoReplicas_startAtOnce(t *testing.T) {
	onKafka(t, func(t *testing.T, c kafkatest.Log) {
		var group sync.WaitGroup
		bundles := []*appBundle{setupApp(t, c.Brokers(), nil), setupApp(t, c.Brokers(), nil)}
		for _, b := range bundles {
			b.waitReady()
			group.Go(func() {
				for range 50 {
					if status, _, body := b.post("/forms/demo", good); status != http.StatusAccepted {
						t.Errorf("%d %s", status, body)
					}
				}
			})
		}
		group.Wait()
		require.Len(t, kafkatest.Records(t, c.Brokers(), "forms.demo"), 100)
	}, kafkatest.Nodes(3))
}

func TestApp_startedAndStoppedManyTimes_leavesNothing(t *testing.T) {
	onKafka(t, func(t *testing.T, c kafkatest.Log) {
		for i := range 10 {
			b := setupApp(t, c.Brokers(), nil)
			if i%2 == 0 {
				b.waitReady()
			}
			require.NoError(t, b.end())
			b.client.CloseIdleConnections()
			require.NoError(t, b.app.Close(), "closing again is no error")
		}
	})
}

func TestNew_addressInUse_namesTheFlag(t *testing.T) {
	c := kafkatest.Start(t)
	b := setupApp(t, c.Brokers(), nil)
	cfg := b.app.cfg
	cfg.HTTP = b.app.Addr()
	_, err := New(cfg, testForms(t), b.deps)
	require.ErrorContains(t, err, "-http")
}

// The client sends all of its body before it reads: what most clients do.
func TestApp_bodyTooLarge_rawClientSeesTheAnswer(t *testing.T) {
	c := kafkatest.Start(t)
	b := setupApp(t, c.Brokers(), nil)
	for i := range 30 {
		size := 1<<20 + i*(4<<20)/29 // 1 to 5 MiB
		for _, chunked := range []bool{false, true} {
			answer := postRaw(t, b.app.Addr(), size, chunked)
			require.Equal(t, http.StatusRequestEntityTooLarge, answer.StatusCode, "%d bytes, chunked %v", size, chunked)
			problemOf(t, CodeTooLarge, answer.Header, answer.Body)
			_ = answer.Body.Close()
		}
	}
}

func postRaw(t *testing.T, addr string, size int, chunked bool) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	body := `{"name":"` + strings.Repeat("x", size-11) + `"}`
	head := "POST /forms/demo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	if chunked {
		head += "Transfer-Encoding: chunked\r\n\r\n"
		body = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	} else {
		head += fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body))
	}
	_, err = io.WriteString(conn, head+body)
	require.NoError(t, err, "the whole body can be sent")
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	content, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	answer.Body = io.NopCloser(bytes.NewReader(content))
	return answer
}

func TestApp_bodyTooLarge_goClientSeesTheAnswer(t *testing.T) {
	c := kafkatest.Start(t)
	b := setupApp(t, c.Brokers(), nil)
	for i := range 30 {
		status, header, body := b.post("/forms/demo", `{"name":"`+strings.Repeat("x", 1<<20+i*(4<<20)/29)+`"}`)
		require.Equal(t, http.StatusRequestEntityTooLarge, status)
		problemOf(t, CodeTooLarge, header, bytes.NewReader(body))
	}
	for _, path := range []string{"/forms/nobody", "/nowhere"} {
		status, _, _ := b.post(path, strings.Repeat("x", 2<<20))
		require.Equal(t, http.StatusNotFound, status)
	}
}

func TestApp_clientWaitsForContinue_answeredWithoutTheBody(t *testing.T) {
	c := kafkatest.Start(t)
	b := setupApp(t, c.Brokers(), nil)
	conn, err := net.Dial("tcp", b.app.Addr())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(conn, "POST /forms/demo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\nExpect: 100-continue\r\n\r\n")
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestEntityTooLarge, answer.StatusCode)
	_ = answer.Body.Close()
}

// A body without an end is read away for a bounded time only: the connection ends by the server's hand.
func TestApp_bodyNeverEnds_connectionIsClosed(t *testing.T) {
	c := kafkatest.Start(t)
	b := setupApp(t, c.Brokers(), nil)
	conn, err := net.Dial("tcp", b.app.Addr())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(conn, "POST /forms/demo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n\r\n{")
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestEntityTooLarge, answer.StatusCode)
	_, err = io.Copy(io.Discard, conn)
	require.NoError(t, err, "closed by the server, within the client's patience")
}

func TestApp_clientGoes_placeIsFreed(t *testing.T) {
	onKafka(t, func(t *testing.T, c kafkatest.Log) {
		b := setupApp(t, c.Brokers(), func(cfg *Config) { cfg.ProduceTimeout = time.Minute })
		b.waitReady()
		c.Pause()
		t.Cleanup(c.Resume)
		ctx, cancel := context.WithCancel(context.Background())
		gone := make(chan error, 1)
		go func() {
			r, _ := http.NewRequestWithContext(ctx, http.MethodPost, b.url+"/forms/demo", strings.NewReader(good))
			r.Header.Set("Content-Type", "application/json")
			resp, err := b.client.Do(r)
			if err == nil {
				_ = resp.Body.Close()
			}
			gone <- err
		}()
		kafkatest.WaitUntil(t, func() bool { return b.app.intake.inFlight.Load() == 1 }, "in flight")
		cancel()
		require.ErrorIs(t, <-gone, context.Canceled)
		kafkatest.WaitUntil(t, func() bool { return b.app.intake.inFlight.Load() == 0 }, "nobody is kept waiting for nobody")
	})
}
