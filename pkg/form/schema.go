package form

import (
	"encoding/json"
)

// Schema returns the JSON Schema (2020-12) of f's sanitised values; url is its address. The same form always gives the
// same bytes.
func (f *Form) Schema(url string) json.RawMessage {
	b := appendString([]byte(`{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":`), url)
	b = appendString(append(b, `,"title":`...), f.Title)
	return append(b, `,"type":"object"}`...)
}
