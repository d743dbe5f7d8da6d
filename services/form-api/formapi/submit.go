package formapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/kafka"
	"github.com/formstream/formstream/pkg/submission"
	"github.com/formstream/formstream/pkg/trace"
	"github.com/formstream/formstream/services/form-api/formapi/guard"
	"github.com/formstream/formstream/services/form-api/formapi/page"
)

// producer is what a submission needs of Kafka: see [kafka.Producer].
type producer interface {
	Produce(ctx context.Context, topic string, key []byte, headers []submission.Header, value []byte) (partition int32, offset int64, err error)
}

// intake takes submissions. Its fields do not change once it serves; what forms returns does.
type intake struct {
	forms    func() *form.Set // at present
	producer producer
	missing  func(topic string) bool // the topic is known not to exist
	signer   *submission.Signer
	repeats  repeats
	guard    *guard.Guard
	pages    *page.Pages
	log      *slog.Logger
	tracer   *trace.Tracer // nil: off
	now      func() time.Time
	newID    func() string
	timeout  time.Duration // for the brokers
	metrics  *metrics
	bodies   *bodies

	inFlight    atomic.Int64
	maxInFlight int64
}

// accepted is the answer to a submission that Kafka has.
type accepted struct {
	ID         string `json:"id"`
	Receipt    string `json:"receipt"`
	Form       string `json:"form"`
	ReceivedAt string `json:"received_at"` // RFC 3339, UTC, milliseconds
}

// received_at as the event has it.
const timeLayout = "2006-01-02T15:04:05.000Z"

// answer is how a request ends: accepted, or a problem.
type answer struct {
	accepted *accepted
	problem  *Problem
	unread   bool           // nothing, or not all, of the body has been read
	raw      map[string]any // what was sent, once it has been read, for the page that is shown again
	page     bool           // a person's browser waits for a page
	repeated bool           // the words of an earlier answer to the same request
	form     string
}

func refuse(p *Problem) answer { return answer{problem: p} }

func refuseUnread(p *Problem) answer { return answer{problem: p, unread: true} }

func (a answer) outcome() string {
	switch {
	case a.repeated:
		return outcomeRepeated
	case a.problem == nil:
		return outcomeAccepted
	}
	return string(a.problem.Code)
}

func (a answer) status() int {
	if a.problem == nil {
		return http.StatusAccepted
	}
	return a.problem.Status
}

// write sends the answer.
func (a answer) write(w http.ResponseWriter, r *http.Request) {
	switch {
	case a.problem == nil:
		writeJSON(w, http.StatusAccepted, "application/json", a.accepted)
	case a.unread:
		answerFirst(w, r, a.problem.write)
	default:
		a.problem.write(w)
	}
}

// serve answers /forms/{form}: a GET by the form's page, a POST by taking the submission.
func (in *intake) serve(w http.ResponseWriter, r *http.Request) {
	f, known := in.forms().Lookup(chi.URLParam(r, "form"))
	if known && in.guard.CORS(w, r, f) {
		return
	}
	switch asks := r.Method == http.MethodGet || r.Method == http.MethodHead; {
	case asks && known:
		in.show(w, r, f)
	case asks:
		in.writeProblem(w, r, newProblem(CodeUnknownForm, ""), nil)
	default:
		in.submit(w, r, f)
	}
}

// submit takes a submission and writes the answer. f is nil for an unknown form.
func (in *intake) submit(w http.ResponseWriter, r *http.Request, f *form.Form) {
	began := in.now()
	ctx, span := in.tracer.Start(trace.FromRequest(r), "POST /forms/{form}", oteltrace.SpanKindServer)
	defer span.End()
	if ctx != r.Context() {
		r = r.WithContext(ctx)
	}
	a := in.answer(r, f, began)
	a.form = unknownForm
	if f != nil {
		a.form = f.ID
	}
	noteAnswer(r, a)
	in.metrics.answered(a.form, a.outcome(), in.now().Sub(began))
	if span.IsRecording() {
		trace.Answer{Method: r.Method, Route: "/forms/{form}", Form: a.form, Outcome: a.outcome(), Status: a.status()}.Describe(span)
	}
	if f != nil && a.page && !a.unread {
		in.writePage(w, r, f, a)
		return
	}
	a.write(w, r)
}

// answer does the work, up to the acknowledgement. f is nil for an unknown form.
func (in *intake) answer(r *http.Request, f *form.Form, receivedAt time.Time) answer {
	switch {
	case f == nil:
		return refuseUnread(newProblem(CodeUnknownForm, ""))
	case r.Method != http.MethodPost:
		return refuseUnread(newProblem(CodeMethod, "Submissions are posted.").with("Allow", "GET, HEAD, POST"))
	}
	media, p := mediaOf(r.Header)
	if p != nil {
		return refuseUnread(p)
	}
	if refused := in.guard.Admit(r, f); refused != nil {
		return refuseUnread(guarded(refused))
	}
	if in.inFlight.Add(1) > in.maxInFlight {
		in.inFlight.Add(-1)
		return refuseUnread(newProblem(CodeBusy, ""))
	}
	defer in.inFlight.Add(-1)

	content, refused := in.read(r, media, f)
	if refused != nil {
		return *refused
	}
	a := in.take(r, f, content, receivedAt)
	a.raw, a.page = content.raw, fromPage(r, media)
	return a
}

// take checks, judges and stores what the body held.
func (in *intake) take(r *http.Request, f *form.Form, c content, receivedAt time.Time) answer {
	values, wrong := f.Check(c.raw)
	if len(wrong) > 0 {
		if r.Header.Get("Accept-Language") != "" {
			in.translate(r, f, wrong)
		}
		return refuse(invalid(wrong))
	}
	data, err := f.Encode(values)
	if err != nil {
		panic(fmt.Errorf("encode what was checked: %w", err)) // the two disagree: answered 500, and logged
	}
	key, err := keyOf(r, c.steering)
	if err != nil {
		return refuse(newProblem(CodeKey, err.Error()))
	}
	p := parcel{form: f, topic: f.Topic()}
	p.submission = submission.Submission{Form: f.ID, ReceivedAt: receivedAt.UTC().Truncate(time.Millisecond), Data: data}
	post := guard.Post{Form: f, Steering: c.steering, Page: guard.FromPage(r)}
	if key == "" {
		p.submission.ID = in.newID()
	} else {
		p.submission.ID = submission.KeyedID(f.ID, key, data)
		post.ID = p.submission.ID
	}
	verdict := in.guard.Judge(r.Context(), r, post)
	switch {
	case verdict.Refuse != nil:
		return refuse(guarded(verdict.Refuse))
	case verdict.Quarantine != "":
		p.topic, p.verdict = guard.Quarantine(f.ID), verdict.Quarantine
	}
	if key == "" {
		return in.store(r.Context(), p)
	}
	return in.storeOnce(r.Context(), p, key)
}

// parcel is a submission on its way to Kafka.
type parcel struct {
	form       *form.Form
	topic      string
	verdict    string // why it is kept aside; "": it is not
	submission submission.Submission
}

// headers are the event's, the verdict and the trace that the request is part of.
func (p parcel) headers(ctx context.Context) []submission.Header {
	headers := trace.AppendHeaders(ctx, p.submission.Headers())
	if p.verdict != "" {
		headers = append(headers, guard.Headers(p.verdict)...)
	}
	return headers
}

// guarded is a guard's refusal as our clients get it.
func guarded(r *guard.Refusal) *Problem {
	p := newProblem(Code(r.Code), r.Detail)
	if r.RetryAfter > 0 {
		p.with("Retry-After", strconv.Itoa(int(r.RetryAfter.Seconds())))
	}
	if r.Challenge != "" {
		p.with("WWW-Authenticate", r.Challenge)
	}
	return p
}

// read returns what the body holds, or how it is refused.
func (in *intake) read(r *http.Request, m media, f *form.Form) (content, *answer) {
	body, err := in.bodies.read(r)
	if err != nil {
		a := refuseUnread(bodyProblem(err))
		return content{}, &a
	}
	defer body.release()
	c, problem := m.parse(body.bytes, f)
	if problem != nil {
		a := refuse(problem)
		return content{}, &a
	}
	return c, nil
}

func bodyProblem(err error) *Problem {
	switch {
	case errors.Is(err, errTooLarge):
		return newProblem(CodeTooLarge, "A submission has at most 262144 bytes.")
	case errors.Is(err, errTooSlow):
		return newProblem(CodeTooSlow, "")
	case errors.Is(err, errBusy):
		return newProblem(CodeBusy, "")
	default:
		return newProblem(CodeMalformed, "The body ended before it was complete.")
	}
}

// store hands the submission to Kafka and waits.
func (in *intake) store(ctx context.Context, p parcel) answer {
	s := p.submission
	if in.missing(p.topic) {
		return refuse(newProblem(CodeUnavailable, "This form's place in the log is missing. Nothing was stored."))
	}
	ctx, cancel := context.WithTimeout(ctx, in.timeout)
	defer cancel()
	began := in.now()
	ctx, span := in.tracer.Start(ctx, "publish", oteltrace.SpanKindProducer)
	partition, offset, err := in.producer.Produce(ctx, p.topic, []byte(s.ID), p.headers(ctx), s.Data)
	span.End()
	in.metrics.produced(p.form.ID, in.now().Sub(began), err)
	if err != nil {
		return refuse(produceProblem(err, s))
	}
	if p.verdict != "" {
		offset = submission.NoOffset // it has no place among the form's submissions
	}
	return answer{accepted: &accepted{
		ID: s.ID, Form: s.Form, ReceivedAt: s.ReceivedAt.Format(timeLayout),
		Receipt: in.signer.Sign(submission.Receipt{
			Form: s.Form, Partition: partition, Offset: offset, ID: s.ID, ReceivedAt: s.ReceivedAt,
		}),
	}}
}

// produceProblem tells what is known of a submission that was not confirmed, and never more than that.
func produceProblem(err error, s submission.Submission) *Problem {
	var failed *kafka.ProduceError
	switch {
	case !errors.As(err, &failed) || failed.Fate == kafka.MaybeStored:
		return unconfirmed(s.Form, s.ID)
	case failed.Permanent:
		return newProblem(CodeTooLarge, "The brokers do not take a submission of this size.")
	case errors.Is(err, kafka.ErrBusy):
		return newProblem(CodeBusy, "")
	default:
		return newProblem(CodeUnavailable, "")
	}
}
