package sheetsemulator

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	contentJSON = "application/json; charset=UTF-8"

	maxBody      = 10_485_760 // bytes of a request, as Google's
	maxDrained   = 8 << 20    // bytes read away after a refusal, so that the client gets to see it
	drainTimeout = 2 * time.Second
	bodySlots    = 2 // requests with a body that are decoded and applied at a time; one of 10 MB takes about 250 MB
	applyTimeout = 180 * time.Second
)

// method is one method of the API; without run it answers 501.
type method struct {
	name     string
	params   []string // of the query, besides those that every method has
	response any
	run      func(ctx context.Context, r *apiRequest, answer func(any) error) error
}

// apiRequest is a call with its parts taken out.
type apiRequest struct {
	spreadsheet string
	argument    string // a range, or a metadata id
	query       url.Values
	mask        *mask
	body        []byte
	base        string // URL of this server
}

// methods are the methods of the Sheets API by "VERB shape", where route makes the shape.
func (h *Handler) methods() map[string]*method {
	render := []string{"dateTimeRenderOption", "majorDimension", "valueRenderOption"}
	return map[string]*method{
		"GET {id}": {
			"spreadsheets.get", []string{"ranges", "includeGridData", "commentsViewMode", "excludeTablesInBandedRanges"},
			spreadsheet{}, h.getSpreadsheet,
		},
		"POST {id}:batchUpdate":              {"spreadsheets.batchUpdate", nil, batchUpdateSpreadsheetResponse{}, h.batchUpdate},
		"GET {id}/developerMetadata/{arg}":   {"spreadsheets.developerMetadata.get", nil, developerMetadata{}, h.getMetadata},
		"POST {id}/developerMetadata:search": {"spreadsheets.developerMetadata.search", nil, searchDeveloperMetadataResponse{}, h.searchMetadata},
		"GET {id}/values/{arg}":              {"spreadsheets.values.get", render, valueRange{}, h.getValues},
		"GET {id}/values:batchGet":           {"spreadsheets.values.batchGet", append([]string{"ranges"}, render...), batchGetValuesResponse{}, h.batchGetValues},

		"POST ":                                    {name: "spreadsheets.create"},
		"POST {id}:getByDataFilter":                {name: "spreadsheets.getByDataFilter"},
		"POST {id}/sheets/{arg}:copyTo":            {name: "spreadsheets.sheets.copyTo"},
		"PUT {id}/values/{arg}":                    {name: "spreadsheets.values.update"},
		"POST {id}/values/{arg}:append":            {name: "spreadsheets.values.append"},
		"POST {id}/values/{arg}:clear":             {name: "spreadsheets.values.clear"},
		"POST {id}/values:batchUpdate":             {name: "spreadsheets.values.batchUpdate"},
		"POST {id}/values:batchClear":              {name: "spreadsheets.values.batchClear"},
		"POST {id}/values:batchGetByDataFilter":    {name: "spreadsheets.values.batchGetByDataFilter"},
		"POST {id}/values:batchUpdateByDataFilter": {name: "spreadsheets.values.batchUpdateByDataFilter"},
		"POST {id}/values:batchClearByDataFilter":  {name: "spreadsheets.values.batchClearByDataFilter"},
	}
}

// route takes a path apart. It works on the escaped path: what a client escaped belongs to an id or a range, so a
// literal colon before a method's name is told from one within a range, and %2F from a slash.
func route(verb, escapedPath string) (shape, id, argument string, ok bool) {
	rest, ok := strings.CutPrefix(escapedPath, "/v4/spreadsheets")
	if !ok || rest != "" && rest[0] != '/' {
		return "", "", "", false
	}
	if rest == "" {
		return verb + " ", "", "", true
	}
	parts := strings.Split(rest[1:], "/")
	id, custom, isCustom := strings.Cut(parts[0], ":")
	shape = verb + " {id}"
	if isCustom {
		shape += ":" + custom
	}
	if len(parts) > 3 || isCustom && len(parts) > 1 {
		return "", "", "", false
	}
	if len(parts) > 1 {
		shape += "/" + parts[1]
	}
	if len(parts) > 2 {
		argument = parts[2]
		shape += "/{arg}"
		for _, suffix := range []string{":append", ":clear", ":copyTo"} {
			if cut, found := strings.CutSuffix(argument, suffix); found && verb == http.MethodPost {
				argument, shape = cut, shape+suffix
			}
		}
	}
	id, err1 := url.PathUnescape(id)
	argument, err2 := url.PathUnescape(argument)
	return shape, id, argument, err1 == nil && err2 == nil
}

// serveAPI answers /v4/….
func (h *Handler) serveAPI(w http.ResponseWriter, r *http.Request) {
	shape, id, argument, ok := route(r.Method, r.URL.EscapedPath())
	m := h.api[shape]
	if !ok || m == nil {
		writeError(w, &apiError{code: http.StatusNotFound, message: "The requested URL " + r.URL.Path + " was not found on this server."})
		return
	}
	begun := h.now()
	seen := &statusWriter{ResponseWriter: w}
	defer func() { h.metrics.observe(m.name, seen.status, h.now().Sub(begun)) }()
	apply := func(w http.ResponseWriter, r *http.Request) {
		if err := h.handle(w, r, m, &apiRequest{spreadsheet: id, argument: argument, query: r.URL.Query(), base: "http://" + r.Host}); err != nil {
			h.fail(w, err)
		}
	}
	if h.faults != nil && h.faulty(seen, r, h.faults(r.Context(), Call{Method: m.name, Spreadsheet: id}), apply) {
		return
	}
	apply(seen, r)
}

// handle does what the call asks. An error that it returns is the answer.
func (h *Handler) handle(w http.ResponseWriter, r *http.Request, m *method, call *apiRequest) (err error) {
	if r.Method != http.MethodGet {
		select {
		case h.slots <- struct{}{}:
			defer func() { <-h.slots }()
		case <-r.Context().Done():
			return r.Context().Err()
		}
		if call.body, err = readBody(r); err != nil {
			drainAfter(w, r, err)
			return nil
		}
	}
	if m.run == nil {
		return notImplemented("method " + m.name)
	}
	if call.mask, err = h.readQuery(m, call.query); err != nil {
		return err
	}
	return m.run(r.Context(), call, func(v any) error {
		return h.answer(w, v, call.mask, !isFalse(call.query.Get("prettyPrint")))
	})
}

// fail answers an error; one that is not the client's is logged.
func (h *Handler) fail(w http.ResponseWriter, err error) {
	var api *apiError
	if !errors.As(err, &api) && !errors.Is(err, context.Canceled) {
		h.log.Error("sheets request failed", "component", "emulator", "error", err)
	}
	writeError(w, err)
}

// answer sends v. A stream that fails before anything was sent is an error like any other; later the connection
// is cut, because half an answer must not look like a whole one.
func (h *Handler) answer(w http.ResponseWriter, v any, m *mask, pretty bool) error {
	w.Header().Set("Content-Type", contentJSON)
	sent := &countingWriter{w: w}
	e := &encoder{schema: h.schema, w: bufio.NewWriterSize(sent, 64<<10), pretty: pretty}
	if err := e.value(reflect.ValueOf(v), m); err != nil {
		if !sent.any {
			return err
		}
		h.log.Error("sheets answer cut short", "component", "emulator", "error", err)
		panic(http.ErrAbortHandler)
	}
	e.raw("\n")
	_ = e.w.Flush() // the client is gone: nothing to tell it
	return nil
}

// readQuery checks the query's parameters and returns the field mask, nil for none.
func (h *Handler) readQuery(m *method, q url.Values) (*mask, error) {
	var unknown []violation
	for name := range q {
		switch name {
		case "alt", "prettyPrint", "fields", "key", "access_token", "oauth_token", "quotaUser", "uploadType", "upload_protocol", "$.xgafv", "callback":
			continue
		}
		if !slices.Contains(m.params, name) {
			unknown = append(unknown, violation{Description: `Invalid JSON payload received. Unknown name "` + name +
				`": Cannot bind query parameter. Field '` + name + `' could not be found in request message.`})
		}
	}
	slices.SortFunc(unknown, func(a, b violation) int { return strings.Compare(a.Description, b.Description) })
	switch {
	case len(unknown) > 0:
		return nil, violated(unknown)
	case q.Get("alt") != "" && q.Get("alt") != "json":
		return nil, notImplemented("alt=" + q.Get("alt"))
	case q.Has("callback"):
		return nil, notImplemented("callback")
	case q.Get("fields") == "":
		return nil, nil
	}
	mask, err := parseMask(q.Get("fields"))
	if err != nil {
		return nil, err
	}
	ignored := func(string) error { return nil } // a field that nothing can have here selects nothing
	return mask, h.schema.checkMask(mask, reflect.TypeOf(m.response), ignored)
}

// enumParam is a parameter of the query that has one of a few values; none is the first one.
func enumParam(q url.Values, name, typeName string, values ...string) (string, error) {
	given := q.Get(name)
	switch {
	case given == "":
		return values[0], nil
	case slices.Contains(values, given):
		return given, nil
	}
	return "", violated([]violation{{Field: snake(name), Description: "Invalid value at '" + snake(name) + "' (" + typePrefix + typeName + `), "` + given + `"`}})
}

func isFalse(text string) bool {
	b, err := strconv.ParseBool(text)
	return err == nil && !b
}

func isTrue(text string) bool {
	b, err := strconv.ParseBool(text)
	return err == nil && b
}

func tooLarge() error { return invalid("Request payload size exceeds the limit: %d bytes.", maxBody) }

func readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, tooLarge()
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, invalid("Request body could not be read to its end.")
	case len(body) > maxBody:
		return nil, tooLarge()
	}
	return body, nil
}

// drainAfter answers err and then reads a little of the body away. Closed at once, the connection would be reset,
// and the client would see the reset instead of the answer.
func drainAfter(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Set("Connection", "close")
	writeError(w, err)
	control := http.NewResponseController(w)
	_ = control.Flush()                                       // what cannot be flushed is sent at the end
	_ = control.SetReadDeadline(time.Now().Add(drainTimeout)) // without one, the server's own applies
	_, _ = io.CopyN(io.Discard, r.Body, maxDrained)
}

// detach is the request as it would be without its client: the body is read, the context does not end.
func detach(r *http.Request) (*http.Request, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	late := r.Clone(context.WithoutCancel(r.Context()))
	late.Body = io.NopCloser(bytes.NewReader(body))
	return late, nil
}

type countingWriter struct {
	w   io.Writer
	any bool
}

func (c *countingWriter) Write(p []byte) (int, error) {
	c.any = true
	return c.w.Write(p)
}

// statusWriter remembers the status for the metrics; 0 is a connection that was cut.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusWriter) Write(p []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(p)
}

func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// Handler answers the Sheets API and the web pages over a Store.
type Handler struct {
	store   *Store
	schema  *schema
	api     map[string]*method
	mux     http.Handler
	noMatch NoMatch
	faults  Faults
	log     *slog.Logger
	metrics *metrics
	now     func() time.Time
	slots   chan struct{}
	late    sync.WaitGroup
}
