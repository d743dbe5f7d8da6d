package sheetsflusher

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/sheet"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkgtest/buffertest"
	"github.com/formstream/formstream/pkgtest/kafkatest"
	"github.com/formstream/formstream/services/sheets-emulator/sheetsemulator"
)

// The official client fetches tokens over transports of its own, whose idle connections nobody can close.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, append(kafkatest.Leftovers(),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))...)
}

const (
	book  = "book"
	topic = "topic-1"
)

// testBundle is a Writer on a real emulator over HTTP, with a buffer in memory and brokers, quota and clock by hand.
type testBundle struct {
	*testing.T
	store   *sheetsemulator.Store
	api     *sheets.Service // beside the faults and the journal of requests
	apiURL  string
	client  *sheet.Client // through them
	wire    *wire
	twin    *buffertest.Twin
	brokers *fakeBrokers
	clock   *fakeClock
	quota   *fakeQuota
	reg     *prometheus.Registry
	ports   Ports
	set     Settings
	forms   []*form.Form
	nonces  int
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	b := &testBundle{T: t, wire: &wire{}, clock: newClock(), quota: &fakeQuota{}, reg: prometheus.NewRegistry(), set: DefaultSettings()}
	b.forms = []*form.Form{newForm(t, "demo", "Demo"), newForm(t, "other", "Other")}
	b.brokers = &fakeBrokers{topics: map[string]kafka.Topic{}}
	for _, f := range b.forms {
		b.brokers.topics[f.Topic()] = kafka.Topic{ID: topic, Start: []int64{0, 0}, End: []int64{0, 0}}
	}
	b.twin = buffertest.NewTwin(func() int64 { return b.clock.Now().UnixMilli() }, buffer.Limits{})
	b.emulator()
	b.ports = Ports{
		Brokers: b.brokers, Buffer: b.twin, Sheets: b.client, Quota: b.quota, Clock: b.clock,
		Nonce:  func() string { b.nonces++; return fmt.Sprintf("n%0*d", sheet.NonceLength-1, b.nonces) },
		Logger: slog.New(slog.DiscardHandler), Metrics: NewMetrics(b.reg),
	}
	return b
}

// emulator starts the emulator twice over one store: with faults, and to look at it.
func (b *testBundle) emulator() {
	b.Helper()
	var err error
	b.store, err = sheetsemulator.OpenStore(b.Context(), b.TempDir(), sheetsemulator.StoreOptions{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, b.store.Close()) })
	require.NoError(b, b.store.CreateSpreadsheet(b.Context(), book))
	serve := func(wrap func(http.Handler) http.Handler, faults sheetsemulator.Faults) string {
		h, err := sheetsemulator.NewHandler(b.store, sheetsemulator.HandlerOptions{Faults: faults})
		require.NoError(b, err)
		server := httptest.NewUnstartedServer(wrap(h))
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		server.Start()
		b.Cleanup(func() {
			http.DefaultClient.CloseIdleConnections()
			server.Close()
			require.NoError(b, h.Close())
		})
		return server.URL
	}
	b.apiURL = serve(func(h http.Handler) http.Handler { return h }, nil)
	b.api, err = sheets.NewService(b.Context(), option.WithEndpoint(b.apiURL), option.WithoutAuthentication(), option.WithHTTPClient(&http.Client{}))
	require.NoError(b, err)
	b.client, err = sheet.Dial(b.Context(), serve(b.wire.around, b.wire.fault), "")
	require.NoError(b, err)
}

func newForm(t testing.TB, id, tab string) *form.Form {
	t.Helper()
	src := fmt.Sprintf("id: %s\ntitle: T\nfields:\n  - {name: name, label: Name, type: text}\n  - {name: note, type: multiline}\nsinks:\n  sheets: {spreadsheet: %s, tab: %s}\n", id, book, tab)
	f, err := form.Parse(id+".yaml", []byte(src), func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	return f
}

func (b *testBundle) writer() *Writer { return NewWriter(b.ports, b.set, book, b.forms) }

// run lets a new writer run until it has nothing more to write, and expects no error.
func (b *testBundle) run() Result {
	b.Helper()
	return runAll(b, b.writer())
}

// runAll adds up the runs of a writer until it has nothing more to write.
func runAll(t *testBundle, w *Writer) (sum Result) {
	t.Helper()
	for more := true; more; {
		r, err := w.Run(t.Context())
		require.NoError(t, err)
		more = r.More
		sum.Flushes, sum.Rows, sum.Parked = sum.Flushes+r.Flushes, sum.Rows+r.Rows, r.Parked
	}
	return sum
}

// entry is what the log holds at one offset.
type entry struct {
	id, data string
	received int64 // milliseconds after the clock's start
	gap      int64
	key      bool // keyed: repeats are looked for
}

// add puts entries at the end of a partition's log and into the buffer.
func (b *testBundle) add(id string, partition int32, entries ...entry) {
	b.Helper()
	t := b.brokers.topics["forms."+id]
	at := t.End[partition]
	r := buffer.AddRequest{Form: id, TopicID: t.ID, Partition: partition, Expected: at}
	for _, e := range entries {
		rec := buffer.Record{Offset: at, Width: e.gap, ReceivedAt: start.Add(time.Duration(e.received) * time.Millisecond).UnixMilli(), Time: start.UnixMilli()}
		if e.gap == 0 {
			if e.data == "" {
				e.data = `{"name":"` + e.id + `"}`
			}
			rec.Data = buffer.EncodeData(submission.Submission{ID: e.id, Form: id, ReceivedAt: time.UnixMilli(rec.ReceivedAt).UTC(), Data: []byte(e.data)})
		}
		if e.key {
			rec.ID = e.id
		}
		r.Records = append(r.Records, rec)
		at = rec.End()
	}
	answers, err := b.twin.Add(b.Context(), r)
	require.NoError(b, err)
	require.Equal(b, buffer.AddOK, answers[0].Status)
	t.End = slices.Clone(t.End)
	t.End[partition] = at
	b.brokers.topics["forms."+id] = t
}

// aged is add, and the settle window has passed.
func (b *testBundle) aged(id string, ids ...string) {
	b.Helper()
	for _, x := range ids {
		b.add(id, 0, entry{id: x})
	}
	b.clock.advance(b.set.Settle)
}

func (b *testBundle) peek(id string) buffer.Peek {
	b.Helper()
	p, err := b.twin.Peek(b.Context(), []string{id}, []int{len(b.brokers.topics["forms."+id].End)})
	require.NoError(b, err)
	return p[0]
}

// rows returns a tab's rows; nil if there is no such tab.
func (b *testBundle) rows(title string) (rows [][]string) {
	b.Helper()
	v, err := b.api.Spreadsheets.Values.Get(book, "'"+title+"'").Context(b.Context()).Do()
	var g *googleapi.Error
	if errors.As(err, &g) {
		return nil
	}
	require.NoError(b, err)
	for _, r := range v.Values {
		var row []string
		for _, c := range r {
			row = append(row, fmt.Sprint(c))
		}
		rows = append(rows, row)
	}
	return rows
}

// ids returns the ids in a tab below its header, which must be ours.
func (b *testBundle) ids(title string) (ids []string) {
	b.Helper()
	for i, r := range b.rows(title) {
		if i == 0 {
			require.Equal(b, []string{"Received at", "Id", "Name", "note"}, r)
			continue
		}
		ids = append(ids, r[1])
	}
	return ids
}

// edit does what a person or a script does to the spreadsheet.
func (b *testBundle) edit(requests ...*sheets.Request) {
	_, err := b.api.Spreadsheets.BatchUpdate(book, &sheets.BatchUpdateSpreadsheetRequest{Requests: requests}).Context(b.Context()).Do()
	if err != nil {
		b.Errorf("edit the spreadsheet: %v", err) // Errorf: also called by the server's goroutines
	}
}

func (b *testBundle) state() *sheet.State {
	b.Helper()
	s, err := b.api.Spreadsheets.Get(book).Fields(sheet.ReadFields).Context(b.Context()).Do()
	require.NoError(b, err)
	return sheet.ParseState(s)
}

// setVector overwrites a form's vector.
func setVector(item sheet.Item, value string) *sheets.Request {
	return &sheets.Request{UpdateDeveloperMetadata: &sheets.UpdateDeveloperMetadataRequest{
		DataFilters:       []*sheets.DataFilter{{DeveloperMetadataLookup: &sheets.DeveloperMetadataLookup{MetadataId: item.ID}}},
		DeveloperMetadata: &sheets.DeveloperMetadata{MetadataValue: value}, Fields: "metadataValue",
	}}
}

func createItem(id int64, key, value string) *sheets.Request {
	return &sheets.Request{CreateDeveloperMetadata: &sheets.CreateDeveloperMetadataRequest{DeveloperMetadata: &sheets.DeveloperMetadata{
		MetadataId: id, MetadataKey: key, MetadataValue: value, Visibility: "DOCUMENT", Location: &sheets.DeveloperMetadataLocation{Spreadsheet: true},
	}}}
}

func deleteItem(id int64) *sheets.Request {
	return &sheets.Request{DeleteDeveloperMetadata: &sheets.DeleteDeveloperMetadataRequest{
		DataFilter: &sheets.DataFilter{DeveloperMetadataLookup: &sheets.DeveloperMetadataLookup{MetadataId: id}},
	}}
}

func addTab(id int64, title string, columns int64) *sheets.Request {
	return &sheets.Request{AddSheet: &sheets.AddSheetRequest{Properties: &sheets.SheetProperties{
		SheetId: id, Title: title, GridProperties: &sheets.GridProperties{RowCount: 10, ColumnCount: columns},
	}}}
}

func appendRow(tab int64, cells ...string) *sheets.Request {
	row := &sheets.RowData{}
	for _, c := range cells {
		row.Values = append(row.Values, &sheets.CellData{UserEnteredValue: &sheets.ExtendedValue{StringValue: &c}})
	}
	return &sheets.Request{AppendCells: &sheets.AppendCellsRequest{SheetId: tab, Rows: []*sheets.RowData{row}, Fields: "userEnteredValue"}}
}

// parks returns what the metric shows: form -> word.
func (b *testBundle) parks() map[string]string {
	b.Helper()
	families, err := b.reg.Gather()
	require.NoError(b, err)
	out := map[string]string{}
	for _, f := range families {
		if f.GetName() != "formstream_flusher_parked" {
			continue
		}
		for _, m := range f.GetMetric() {
			require.InDelta(b, 1, m.GetGauge().GetValue(), 0)
			out[m.GetLabel()[0].GetValue()] = m.GetLabel()[1].GetValue()
		}
	}
	return out
}

// counter adds up all series of a counter.
func (b *testBundle) counter(name string) (sum float64) {
	b.Helper()
	families, err := b.reg.Gather()
	require.NoError(b, err)
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// reset forgets the requests seen so far and ends all faults.
func (b *testBundle) reset() { b.wire.script(nil) }

// wire is what happens between the client and the emulator.
type wire struct {
	mu      sync.Mutex
	methods []string // of the requests seen: get, batchUpdate, fence, head
	bodies  []string // of the batchUpdates
	on      func(n int, c sheetsemulator.Call) sheetsemulator.Fault
	counts  map[string]int
	refuse  string // a batchUpdate that carries this text is answered 400
}

// script says what goes wrong from now on: on is told how many calls of this method came before.
func (w *wire) script(on func(n int, c sheetsemulator.Call) sheetsemulator.Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.methods, w.bodies, w.counts, w.on = nil, nil, map[string]int{}, on
}

// writes scripts batchUpdates only.
func (w *wire) writes(on func(n int) sheetsemulator.Fault) {
	w.script(func(n int, c sheetsemulator.Call) sheetsemulator.Fault {
		if c.Method != "spreadsheets.batchUpdate" {
			return sheetsemulator.Fault{}
		}
		return on(n)
	})
}

func (w *wire) fault(_ context.Context, c sheetsemulator.Call) sheetsemulator.Fault {
	w.mu.Lock()
	n, on := w.counts[c.Method], w.on
	if w.counts == nil {
		w.counts = map[string]int{}
	}
	w.counts[c.Method]++
	w.methods = append(w.methods, strings.TrimPrefix(c.Method, "spreadsheets."))
	w.mu.Unlock()
	if on == nil {
		return sheetsemulator.Fault{}
	}
	return on(n, c)
}

func (w *wire) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if len(body) > 0 {
			w.mu.Lock()
			w.bodies = append(w.bodies, string(body))
			refuse := w.refuse
			w.mu.Unlock()
			if refuse != "" && strings.Contains(string(body), refuse) {
				http.Error(rw, `{"error":{"code":400,"message":"Usted está intentando editar una celda protegida","status":"INVALID_ARGUMENT"}}`, http.StatusBadRequest)
				return
			}
		}
		next.ServeHTTP(rw, r)
	})
}

func (w *wire) seen() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.methods)
}

func (w *wire) sent() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.bodies)
}

// fakeBrokers has topics by name, or an error.
type fakeBrokers struct {
	topics map[string]kafka.Topic
	err    error
	asked  int
}

func (f *fakeBrokers) Topics(_ context.Context, names []string) (map[string]kafka.Topic, error) {
	f.asked++
	if f.err != nil {
		return nil, f.err
	}
	out := map[string]kafka.Topic{}
	for _, n := range names {
		if t, ok := f.topics[n]; ok {
			out[n] = t
		}
	}
	return maps.Clone(out), nil
}

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// fakeClock moves when somebody sleeps.
type fakeClock struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

func newClock() *fakeClock { return &fakeClock{now: start} }

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) Sleep(ctx context.Context, d time.Duration) error {
	c.advance(d)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slept = append(c.slept, d)
	return ctx.Err()
}

func (c *fakeClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// fakeQuota never waits; onWrite is called before each write.
type fakeQuota struct {
	reads, writes int
	onWrite       func()
}

func (q *fakeQuota) Read(context.Context) error { q.reads++; return nil }

func (q *fakeQuota) Write(context.Context) error {
	q.writes++
	if q.onWrite != nil {
		q.onWrite()
	}
	return nil
}

type (
	sheetsFault = sheetsemulator.Fault
	sheetsCall  = sheetsemulator.Call
)

var (
	denied  = sheetsFault{Apply: sheetsemulator.ApplyNever, Status: http.StatusForbidden}
	refused = sheetsFault{Apply: sheetsemulator.ApplyNever, Status: http.StatusBadRequest}
)

type topicState = kafka.Topic

type brokersFunc func(ctx context.Context, names []string) (map[string]kafka.Topic, error)

func (f brokersFunc) Topics(ctx context.Context, names []string) (map[string]kafka.Topic, error) {
	return f(ctx, names)
}
