package sheetsemulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// maxViolations bounds how many wrong fields one answer names.
const maxViolations = 20

// typePrefix stands before the names of Sheets' messages and enums in Google's errors.
const typePrefix = "type.googleapis.com/google.apps.sheets.v4."

// decode reads body into the wire struct dst as strictly as Google: an unknown name or a wrong type is refused,
// with every such place in one answer. A documented field that this server does not act on is answered 501.
func (s *schema) decode(body []byte, dst any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var node any
	if err := dec.Decode(&node); err != nil && !errors.Is(err, io.EOF) {
		return badJSON(err, len(body))
	}
	if dec.More() {
		return invalid("Invalid JSON payload received. Unexpected token after the end of the message, at byte %d.", dec.InputOffset())
	}
	if node == nil { // no body is the empty message
		return nil
	}
	d := &decoder{schema: s}
	d.message(node, reflect.ValueOf(dst).Elem())
	switch {
	case len(d.violations) > 0:
		return violated(d.violations)
	case d.unsupported != "":
		return notImplemented(d.unsupported)
	}
	return nil
}

func badJSON(err error, size int) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return invalid("Invalid JSON payload received. Unexpected token at byte %d.", syntax.Offset)
	}
	return invalid("Invalid JSON payload received. Unexpected end of string at byte %d.", size)
}

// decoder carries what one body has shown so far. path is kept in pieces and joined only for an error.
type decoder struct {
	schema      *schema
	path        []string
	violations  []violation
	unsupported string
}

// at is the path as Google writes it: requests[0].append_cells.rows.
func (d *decoder) at() string {
	return strings.ReplaceAll(strings.Join(d.path, "."), ".[", "[")
}

func (d *decoder) refuse(field, description string) {
	if len(d.violations) < maxViolations {
		d.violations = append(d.violations, violation{Field: field, Description: description})
	}
}

func (d *decoder) wrongType(typeName string, node any) {
	shown, err := json.Marshal(node)
	if err != nil || len(shown) > 200 { // a wrong value is named, not repeated at length
		shown = []byte(`"…"`)
	}
	d.refuse(d.at(), "Invalid value at '"+d.at()+"' ("+typeName+"), "+string(shown))
}

func (d *decoder) unknown(name, why string) {
	text := `Invalid JSON payload received. Unknown name "` + name + `"`
	if len(d.path) > 0 {
		text += " at '" + d.at() + "'"
	}
	d.refuse(d.at(), text+": "+why)
}

// message reads a JSON object into the struct dst.
func (d *decoder) message(node any, dst reflect.Value) {
	msg := d.schema.message(dst.Type())
	object, ok := node.(map[string]any)
	if !ok {
		d.wrongType(typePrefix+msg.name, node)
		return
	}
	unions := map[string]bool{}
	for _, name := range sortedNames(object) { // a stable order makes stable errors
		value := object[name]
		f := msg.byName[camel(name)]
		if f == nil {
			d.unknown(name, "Cannot find field.")
			continue
		}
		if value == nil {
			continue
		}
		d.path = append(d.path, f.proto)
		switch {
		case f.unsupported:
			if d.unsupported == "" {
				d.unsupported = unsupportedName(d.path)
			}
		case f.union != "" && unions[f.union]:
			d.path = d.path[:len(d.path)-1]
			d.refuse(d.at(), "Invalid value at '"+d.at()+"' (oneof), oneof field '"+f.union+"' is already set. Cannot set '"+f.name+"'")
			continue
		default:
			unions[f.union] = true
			d.field(value, dst.Field(f.index), f)
		}
		d.path = d.path[:len(d.path)-1]
	}
}

// unsupportedName is the JSON name of a field, without the request's number: "appendCells.tableId".
func unsupportedName(path []string) string {
	var names []string
	for _, piece := range path {
		if piece != "requests" && piece[0] != '[' {
			names = append(names, camel(piece))
		}
	}
	return strings.Join(names, ".")
}

func sortedNames(object map[string]any) []string {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (d *decoder) field(node any, dst reflect.Value, f *field) {
	if dst.Kind() == reflect.Slice {
		d.list(node, dst, f)
		return
	}
	if _, isList := node.([]any); isList {
		last := len(d.path) - 1
		name := camel(d.path[last])
		outer := &decoder{path: d.path[:last]}
		outer.unknown(name, "Proto field is not repeating, cannot start list.")
		d.violations = append(d.violations, outer.violations...)
		return
	}
	d.single(node, dst, f)
}

func (d *decoder) list(node any, dst reflect.Value, f *field) {
	list, ok := node.([]any)
	if !ok {
		list = []any{node} // Google takes one value for a list of one
	}
	out := reflect.MakeSlice(dst.Type(), len(list), len(list))
	for i, item := range list {
		if len(d.violations) == maxViolations {
			return
		}
		if ok {
			d.path = append(d.path, "["+strconv.Itoa(i)+"]")
		}
		if item != nil {
			d.single(item, out.Index(i), f)
		}
		if ok {
			d.path = d.path[:len(d.path)-1]
		}
	}
	dst.Set(out)
}

func (d *decoder) single(node any, dst reflect.Value, f *field) {
	if dst.Type() == reflect.TypeFor[*mask]() {
		d.mask(node, dst)
		return
	}
	if dst.Kind() == reflect.Pointer {
		dst.Set(reflect.New(dst.Type().Elem()))
		dst = dst.Elem()
	}
	switch dst.Kind() {
	case reflect.Struct:
		d.message(node, dst)
	case reflect.Bool:
		if b, ok := node.(bool); ok {
			dst.SetBool(b)
			return
		}
		d.wrongType("TYPE_BOOL", node)
	case reflect.Int32:
		if n, ok := int32Of(node); ok {
			dst.SetInt(int64(n))
			return
		}
		d.wrongType("TYPE_INT32", node)
	case reflect.Float64:
		if n, ok := doubleOf(node); ok {
			dst.SetFloat(n)
			return
		}
		d.wrongType("TYPE_DOUBLE", node)
	default:
		d.text(node, dst, f)
	}
}

func (d *decoder) text(node any, dst reflect.Value, f *field) {
	text, ok := node.(string)
	switch {
	case !ok && f.enumName == "":
		d.wrongType("TYPE_STRING", node)
	case f.enumName == "", slices.Contains(f.enumValues, text):
		dst.SetString(text)
	case ok && strings.HasSuffix(text, "_UNSPECIFIED"):
		dst.SetString("")
	default:
		d.wrongType(typePrefix+f.enumName, node)
	}
}

func (d *decoder) mask(node any, dst reflect.Value) {
	text, ok := node.(string)
	if ok {
		m, err := parseMask(text)
		if text == "" {
			m, err = nil, nil
		}
		if ok = err == nil; ok {
			dst.Set(reflect.ValueOf(m))
		}
	}
	if !ok {
		d.wrongType("type.googleapis.com/google.protobuf.FieldMask", node)
	}
}

// numberText is the text of a JSON number, or of a string that holds one: proto JSON takes both.
func numberText(node any) string {
	switch n := node.(type) {
	case json.Number:
		return n.String()
	case string:
		return n
	}
	return ""
}

func int32Of(node any) (int32, bool) {
	n, ok := doubleOf(node)
	if !ok || n != math.Trunc(n) || n < math.MinInt32 || n > math.MaxInt32 {
		return 0, false
	}
	return int32(n), true
}

func doubleOf(node any) (float64, bool) {
	n, err := strconv.ParseFloat(numberText(node), 64)
	return n, err == nil && !math.IsInf(n, 0) && !math.IsNaN(n)
}
