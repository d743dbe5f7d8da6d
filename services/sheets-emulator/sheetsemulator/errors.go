package sheetsemulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// apiError is an answer other than 200, in Google's error envelope.
type apiError struct {
	code       int
	message    string
	violations []violation
}

// violation is one wrong field, as in google.rpc.BadRequest.
type violation struct {
	Field       string `json:"field,omitempty"`
	Description string `json:"description"`
}

func (e *apiError) Error() string { return e.message }

func invalid(format string, args ...any) *apiError {
	return &apiError{code: http.StatusBadRequest, message: fmt.Sprintf(format, args...)}
}

// inRequest says which request of a batch is refused, in Google's words where they are Google's to say.
func inRequest(i int, kind string, err error) error {
	var api *apiError
	if !errors.As(err, &api) {
		return err
	}
	where := fmt.Sprintf("requests[%d]", i)
	if kind != "" {
		where += "." + kind
	}
	if api.code == http.StatusBadRequest {
		where = "Invalid " + where
	}
	return &apiError{code: api.code, message: where + ": " + api.message}
}

// violated is Google's refusal of a message that does not parse: every wrong field at once.
func violated(vs []violation) *apiError {
	lines := make([]string, len(vs))
	for i, v := range vs {
		lines[i] = v.Description
	}
	return &apiError{code: http.StatusBadRequest, message: strings.Join(lines, "\n"), violations: vs}
}

// badMask is Google's refusal of a fields parameter: the reason is in the details only.
func badMask(description string) *apiError {
	return &apiError{
		code: http.StatusBadRequest, message: "Request contains an invalid argument.",
		violations: []violation{{Field: "fields", Description: description}},
	}
}

func notFound() *apiError {
	return &apiError{code: http.StatusNotFound, message: "Requested entity was not found."}
}

// notImplemented names what Google has and this server has not.
func notImplemented(what string) *apiError {
	return &apiError{
		code:    http.StatusNotImplemented,
		message: what + " is not implemented by the Formstream Sheets emulator.",
	}
}

// statusName is the gRPC name that Google sends beside an HTTP status.
func statusName(code int) string {
	switch code {
	case http.StatusBadRequest:
		return "INVALID_ARGUMENT"
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusForbidden:
		return "PERMISSION_DENIED"
	case http.StatusNotFound:
		return "NOT_FOUND"
	case http.StatusConflict:
		return "ABORTED"
	case http.StatusTooManyRequests:
		return "RESOURCE_EXHAUSTED"
	case http.StatusNotImplemented:
		return "UNIMPLEMENTED"
	case http.StatusServiceUnavailable:
		return "UNAVAILABLE"
	case http.StatusGatewayTimeout:
		return "DEADLINE_EXCEEDED"
	default:
		return "INTERNAL"
	}
}

type errorBody struct {
	Error errorEnvelope `json:"error"`
}

type errorEnvelope struct {
	Code    int           `json:"code"`
	Message string        `json:"message"`
	Status  string        `json:"status"`
	Details []errorDetail `json:"details,omitempty"`
}

type errorDetail struct {
	Type            string      `json:"@type"`
	FieldViolations []violation `json:"fieldViolations"`
}

// writeError sends err in Google's envelope. An error that is not Google's to give is an internal one: its text
// stays in the log.
func writeError(w http.ResponseWriter, err error) {
	var api *apiError
	if !errors.As(err, &api) {
		api = &apiError{code: http.StatusInternalServerError, message: "Internal error encountered."}
	}
	body := errorBody{errorEnvelope{Code: api.code, Message: api.message, Status: statusName(api.code)}}
	if len(api.violations) > 0 {
		body.Error.Details = []errorDetail{{"type.googleapis.com/google.rpc.BadRequest", api.violations}}
	}
	out, err := json.MarshalIndent(body, "", "  ")
	if err != nil { // strings and numbers only: cannot happen
		out = []byte(`{"error":{"code":500,"message":"Internal error encountered.","status":"INTERNAL"}}`)
	}
	w.Header().Set("Content-Type", contentJSON)
	w.WriteHeader(api.code)
	_, _ = w.Write(append(out, '\n')) // the client is gone: nothing to tell it
}
