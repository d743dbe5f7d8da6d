package sheetsemulator

import (
	"bufio"
	"encoding/json"
	"reflect"
	"strconv"
)

// encoder writes wire structs as JSON: the fields that the mask selects, empty ones left out, and streamed fields
// read while they are written. Errors of the writer are sticky and come out of flush.
type encoder struct {
	schema *schema
	w      *bufio.Writer
	pretty bool
	depth  int
}

// value writes v. Only reading a stream can fail.
func (e *encoder) value(v reflect.Value, m *mask) error {
	if s, ok := v.Interface().(streamed); ok {
		_, err := e.streamedList(s, m, func() {})
		return err
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			e.raw("null")
			return nil
		}
		return e.value(v.Elem(), m)
	case reflect.Struct:
		return e.message(v, m)
	case reflect.Slice:
		return e.list(v, m)
	case reflect.String:
		e.text(v.String())
	case reflect.Bool:
		e.raw(strconv.FormatBool(v.Bool()))
	case reflect.Int32, reflect.Int64, reflect.Int:
		e.raw(strconv.FormatInt(v.Int(), 10))
	case reflect.Float64:
		e.raw(plainNumber(v.Float()))
	default:
		panic("sheetsemulator: no JSON form for " + v.Type().String()) // a programmer's mistake
	}
	return nil
}

func (e *encoder) message(v reflect.Value, m *mask) error {
	msg := e.schema.message(v.Type())
	first := true
	e.raw("{")
	e.depth++
	for i := range msg.fields {
		f := &msg.fields[i]
		sub, selected := m.of(f.name)
		if f.unsupported || !selected {
			continue
		}
		fv := v.Field(f.index)
		if !f.always && isEmpty(fv) {
			continue
		}
		open := func() {
			e.next(&first)
			e.text(f.name)
			e.raw(":")
			if e.pretty {
				e.raw(" ")
			}
		}
		if s, ok := fv.Interface().(streamed); ok {
			if _, err := e.streamedList(s, sub, open); err != nil {
				return err
			}
			continue
		}
		open()
		if err := e.value(fv, sub); err != nil {
			return err
		}
	}
	e.close(first, "}")
	return nil
}

// isEmpty tells what proto JSON leaves out. A pointer says that its value was set, so a zero behind one is sent.
func isEmpty(v reflect.Value) bool {
	if v.Kind() == reflect.Slice {
		return v.Len() == 0
	}
	return v.IsZero()
}

func (e *encoder) list(v reflect.Value, m *mask) error {
	first := true
	e.raw("[")
	e.depth++
	for i := range v.Len() {
		e.next(&first)
		if err := e.value(v.Index(i), m); err != nil {
			return err
		}
	}
	e.close(first, "]")
	return nil
}

// streamedList writes the stream as a list, or nothing at all, not even what open writes, when it is empty.
func (e *encoder) streamedList(s streamed, m *mask, open func()) (empty bool, err error) {
	first := true
	start := func() {
		open()
		e.raw("[")
		e.depth++
	}
	err = s.each(func(item any) error {
		if first {
			start()
		}
		e.next(&first)
		return e.value(reflect.ValueOf(&item).Elem(), m)
	})
	if !first {
		e.close(first, "]")
	}
	return first, err
}

func (e *encoder) next(first *bool) {
	if !*first {
		e.raw(",")
	}
	*first = false
	e.newline()
}

func (e *encoder) close(empty bool, bracket string) {
	e.depth--
	if !empty {
		e.newline()
	}
	e.raw(bracket)
}

func (e *encoder) newline() {
	if !e.pretty {
		return
	}
	e.raw("\n")
	for range e.depth {
		e.raw("  ")
	}
}

func (e *encoder) text(s string) {
	out, err := json.Marshal(s)
	if err != nil { // a string always has a JSON form
		out = []byte(`""`)
	}
	_, _ = e.w.Write(out) // sticky: flush returns it
}

func (e *encoder) raw(s string) { _, _ = e.w.WriteString(s) } // sticky: flush returns it

// plainNumber is the shortest text that reads back as n: 43831, 1.5, never "43831.0".
func plainNumber(n float64) string {
	out, err := json.Marshal(n)
	if err != nil { // NaN and infinities never get in: see doubleOf
		return "null"
	}
	return string(out)
}
