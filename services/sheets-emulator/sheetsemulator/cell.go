package sheetsemulator

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// maxCellChars is Google's limit for one cell, in UTF-16 units as JavaScript counts characters.
const maxCellChars = 50_000

// cell is what a person or a program entered into one cell.
type cell struct {
	value  any // nil, string, float64 or bool
	format *cellFormat
	note   string
}

func (c cell) isZero() bool { return c.value == nil && c.format == nil && c.note == "" }

// storedCell is the disk form of a cell that has more than a value. A cell with only a value is stored as that
// value, so that a row of plain answers is a plain JSON array.
type storedCell struct {
	Value  any         `json:"v,omitempty"`
	Format *cellFormat `json:"f,omitempty"`
	Note   string      `json:"n,omitempty"`
}

// encodeRow gives the disk form of a row without its trailing empty cells, and its width: the number of cells up
// to the last one with a value. An empty row is the empty string.
func encodeRow(cells []cell) (text string, width int, err error) {
	kept := 0
	for i, c := range cells {
		if !c.isZero() {
			kept = i + 1
		}
		if c.value != nil {
			width = i + 1
		}
	}
	if kept == 0 {
		return "", 0, nil
	}
	out := make([]any, kept)
	for i, c := range cells[:kept] {
		if c.format == nil && c.note == "" {
			out[i] = c.value
			continue
		}
		out[i] = storedCell{c.value, c.format, c.note}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return "", 0, fmt.Errorf("encode row: %w", err)
	}
	return string(b), width, nil
}

// decodeRow reads what encodeRow wrote.
func decodeRow(text string) ([]cell, error) {
	var values []any
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		return nil, fmt.Errorf("decode row: %w", err)
	}
	cells := make([]cell, len(values))
	more := false
	for i, v := range values {
		if _, isCell := v.(map[string]any); isCell {
			more = true
			continue
		}
		cells[i].value = v
	}
	if !more { // nearly every row
		return cells, nil
	}
	var raw []json.RawMessage
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return nil, fmt.Errorf("decode row: %w", err)
	}
	for i, r := range raw {
		if _, isCell := values[i].(map[string]any); !isCell {
			continue
		}
		var stored storedCell
		if err := json.Unmarshal(r, &stored); err != nil {
			return nil, fmt.Errorf("decode cell: %w", err)
		}
		cells[i] = cell{stored.Value, stored.Format, stored.Note}
	}
	return cells, nil
}

// data is the cell as a client writes it: the part of CellData that a field mask can address.
func (c cell) data() cellData {
	return cellData{UserEnteredValue: c.extended(), UserEnteredFormat: c.format, Note: c.note}
}

// shown is the cell as a client reads it.
func (c cell) shown() cellData {
	d := c.data()
	d.EffectiveValue, d.FormattedValue = d.UserEnteredValue, c.text()
	return d
}

func (c cell) extended() *extendedValue {
	switch v := c.value.(type) {
	case string:
		return &extendedValue{StringValue: &v}
	case float64:
		return &extendedValue{NumberValue: &v}
	case bool:
		return &extendedValue{BoolValue: &v}
	}
	return nil
}

// cellOf is the cell that d describes; an empty string is an empty cell, as in Sheets.
func cellOf(d cellData) (cell, error) {
	c := cell{format: d.UserEnteredFormat, note: d.Note}
	if v := d.UserEnteredValue; v != nil {
		switch {
		case v.StringValue != nil && *v.StringValue != "":
			c.value = *v.StringValue
		case v.NumberValue != nil:
			c.value = *v.NumberValue
		case v.BoolValue != nil:
			c.value = *v.BoolValue
		}
	}
	if text, ok := c.value.(string); ok && utf16Len(text) > maxCellChars {
		return c, invalid("Your input contains more than the maximum of %d characters in a single cell.", maxCellChars)
	}
	if c.format != nil && c.format.NumberFormat != nil && c.format.NumberFormat.Type == "" {
		return c, invalid("NumberFormat.type is required when NumberFormat is set.")
	}
	return c, nil
}

// text is the cell as a person sees it. Number formats are kept but not rendered: a date shows its serial number.
func (c cell) text() string {
	switch v := c.value.(type) {
	case string:
		return v
	case float64:
		return formatNumber(v)
	case bool:
		return strings.ToUpper(strconv.FormatBool(v))
	}
	return ""
}

// formatNumber is Sheets' automatic format, nearly: whole numbers up to 15 digits in full, others in 10 digits.
func formatNumber(n float64) string {
	if n == math.Trunc(n) && math.Abs(n) < 1e15 {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return strings.Replace(strconv.FormatFloat(n, 'G', 10, 64), "E+0", "E+", 1)
}

// utf16Len counts characters as Google does: a character outside the basic plane is two.
func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}
