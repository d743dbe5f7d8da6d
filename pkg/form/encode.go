package form

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// listSeparator stands between several answers in a cell.
const listSeparator = ", "

// extrasColumn is the column of all that has none of its own.
const extrasColumn = "Data"

// cutMark ends a cell that was too long.
const cutMark = "… [cut]"

// Encode returns values as the event's data: one JSON object with the fields in the form's order, an absent one left
// out, and then, where the form keeps unknown fields, those by name. The same values are always the same bytes. It fails only on what [Form.Check] never returns.
func (f *Form) Encode(values Values) ([]byte, error) {
	size := 2
	for name, value := range values {
		text, _ := value.(string)
		list, _ := value.([]string)
		for _, element := range list {
			size += len(element) + len(`"",`)
		}
		size += len(name) + len(text) + len(`"":"",`) + len("-9223372036854775808")
	}
	b := append(make([]byte, 0, size), '{')
	known := 0
	for i := range f.Fields {
		name := f.Fields[i].Name
		value, ok := values[name]
		if !ok {
			continue
		}
		if known++; known > 1 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':')
		var err error
		if b, err = appendValue(b, value); err != nil {
			return nil, fmt.Errorf("encode field %q: %w", name, err)
		}
	}
	if known == len(values) {
		return append(b, '}'), nil
	}
	if f.Unknown == Keep {
		if known > 0 {
			b = append(b, ',')
		}
		return f.appendRest(b, values)
	}
	return nil, errors.New("encode: there are values that the form has no field for")
}

// appendRest writes the values that are no fields, and the end of the object.
func (f *Form) appendRest(b []byte, values Values) ([]byte, error) {
	rest := make(Values, len(values))
	for name, value := range values {
		if _, declared := f.compiled.index[name]; !declared {
			rest[name] = value
		}
	}
	object, err := appendExtras(nil, rest)
	if err != nil {
		return nil, err
	}
	return append(b, object[1:]...), nil
}

// appendExtras writes an object whose members are sorted by name.
func appendExtras[M ~map[string]any](b []byte, members M) ([]byte, error) {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':')
		var err error
		if b, err = appendValue(b, members[name]); err != nil {
			return nil, fmt.Errorf("encode field %q: %w", name, err)
		}
	}
	return append(b, '}'), nil
}

func appendValue(b []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case string:
		return appendString(b, v), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errors.New("JSON has no such number")
		}
		return appendFloat(b, v), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case json.Number:
		return append(b, v...), nil
	case nil:
		return append(b, "null"...), nil
	case []string:
		return appendList(b, v)
	case []any:
		return appendList(b, v)
	case map[string]any: // no type of ours makes one, but the log may hold what a later one made
		return appendExtras(b, v)
	}
	return nil, fmt.Errorf("a value cannot have the Go type %T", value)
}

func appendList[E any](b []byte, list []E) (_ []byte, err error) {
	b = append(b, '[')
	for i, element := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendValue(b, element); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

// appendFloat writes a number as JavaScript does, so that a whole one has no exponent until it has 22 digits.
func appendFloat(b []byte, v float64) []byte {
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, v, format, -1, 64)
}

// appendString writes s as a JSON string. Nothing but what JSON demands is escaped: the data is no HTML.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
	}
	return append(append(b, s[from:]...), '"')
}

// Header returns the columns' names in the form's order: the labels, and "Data" at the end where unknown fields are kept.
func (f *Form) Header() []string {
	header := make([]string, len(f.Fields), len(f.Fields)+1)
	for i := range f.Fields {
		if header[i] = f.Fields[i].Label; header[i] == "" {
			header[i] = f.Fields[i].Name
		}
	}
	if f.Unknown == Keep {
		header = append(header, extrasColumn)
	}
	return header
}

// Row returns the cells of an event's data, in the form's order: text as it is, numbers as they are written there,
// booleans as TRUE and FALSE, several answers joined by ", ", "" for what is missing. The data may be older or newer than
// the definition: members without a field are left out or, where the form keeps unknown fields, one JSON object in the
// last cell, sorted by name. A cell of more than [MaxLength] UTF-16 units is cut, with a mark at its end; cut counts
// those. It fails when data is not one JSON object.
func (f *Form) Row(data []byte) (cells []string, cut int, err error) {
	members, err := decodeObject(data)
	if err != nil {
		return nil, 0, fmt.Errorf("decode a submission's data: %w", err)
	}
	cells = make([]string, len(f.Fields), len(f.Fields)+1)
	for i := range f.Fields {
		cells[i] = cellText(members[f.Fields[i].Name])
		delete(members, f.Fields[i].Name)
	}
	if f.Unknown == Keep {
		cells = append(cells, extrasText(members))
	}
	for i, cell := range cells {
		if short, ok := shorten(cell); ok {
			cells[i] = short
			cut++
		}
	}
	return cells, cut, nil
}

func decodeObject(data []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // the digits as they stand
	var members map[string]any
	if err := decoder.Decode(&members); err != nil {
		return nil, errors.New("it is not a JSON object") // the decoder's own words may quote an answer
	}
	if _, err := decoder.Token(); members == nil || !errors.Is(err, io.EOF) {
		return nil, errors.New("it is not one JSON object")
	}
	return members, nil
}

func cellText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strings.ToUpper(strconv.FormatBool(v))
	case []any:
		parts := make([]string, len(v))
		for i, part := range v {
			parts[i] = cellText(part)
		}
		return strings.Join(parts, listSeparator)
	}
	text, err := appendValue(nil, value)
	if err != nil { // not reached: what JSON holds can be written again
		return ""
	}
	return string(text)
}

// extrasText is the cell of the members that have none of their own; without any it is empty.
func extrasText(members map[string]any) string {
	if len(members) == 0 {
		return ""
	}
	text, err := appendExtras(nil, members)
	if err != nil { // not reached: what JSON holds can be written again
		return ""
	}
	return string(text)
}

// shorten cuts text that a cell cannot hold, between two characters, and reports whether it did.
func shorten(text string) (string, bool) {
	if len(text) <= MaxLength || utf16Length(text) <= MaxLength {
		return text, false
	}
	room := MaxLength - utf16Length(cutMark)
	for i, r := range text {
		if room -= utf16Units(r); room < 0 {
			return text[:i] + cutMark, true
		}
	}
	return text, false // not reached: the text is longer than the room
}
