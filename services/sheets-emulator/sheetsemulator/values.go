package sheetsemulator

import (
	"context"
	"database/sql"
	"net/url"
)

// rendering is how values are read.
type rendering struct {
	formatted bool // as text, as a person sees them; otherwise numbers and booleans stay what they are
}

func readRendering(q url.Values) (rendering, error) {
	option, err := enumParam(q, "valueRenderOption", "ValueRenderOption", "FORMATTED_VALUE", "UNFORMATTED_VALUE", "FORMULA")
	if err != nil {
		return rendering{}, err
	}
	// Dates are numbers with a format, which is not rendered, so both options give the serial number.
	if _, err := enumParam(q, "dateTimeRenderOption", "DateTimeRenderOption", "SERIAL_NUMBER", "FORMATTED_STRING"); err != nil {
		return rendering{}, err
	}
	major, err := enumParam(q, "majorDimension", "Dimension", dimensionRows, dimensionColumns, "DIMENSION_UNSPECIFIED")
	if err != nil {
		return rendering{}, err
	}
	if major == dimensionColumns {
		return rendering{}, notImplemented("majorDimension=COLUMNS")
	}
	return rendering{formatted: option == "FORMATTED_VALUE"}, nil
}

func (r rendering) value(c cell) any {
	switch {
	case c.value == nil:
		return ""
	case r.formatted:
		return c.text()
	}
	return c.value
}

func (h *Handler) getValues(ctx context.Context, r *apiRequest, answer func(any) error) error {
	how, err := readRendering(r.query)
	if err != nil {
		return err
	}
	return h.store.inRead(ctx, func(tx *sql.Tx) error {
		b, err := loadBook(ctx, tx, r.spreadsheet)
		if err != nil {
			return err
		}
		values, err := readValues(ctx, tx, b, r.argument, how)
		if err != nil {
			return err
		}
		return answer(values)
	})
}

func (h *Handler) batchGetValues(ctx context.Context, r *apiRequest, answer func(any) error) error {
	how, err := readRendering(r.query)
	if err != nil {
		return err
	}
	return h.store.inRead(ctx, func(tx *sql.Tx) error {
		b, err := loadBook(ctx, tx, r.spreadsheet)
		if err != nil {
			return err
		}
		out := &batchGetValuesResponse{SpreadsheetID: b.id}
		for _, text := range r.query["ranges"] {
			values, err := readValues(ctx, tx, b, text, how)
			if err != nil {
				return err
			}
			out.ValueRanges = append(out.ValueRanges, values)
		}
		return answer(out)
	})
}

func readValues(ctx context.Context, tx *sql.Tx, b *book, text string, how rendering) (*valueRange, error) {
	t, a, err := b.find(text)
	if err != nil {
		return nil, err
	}
	return &valueRange{
		Range: writeA1(t.title, a), MajorDimension: dimensionRows,
		Values: func(emit func([]any) error) error { return eachLine(ctx, tx, t, a, how, emit) },
	}, nil
}

// eachLine gives the values of an area row by row, without empty cells at the end of a row, and without empty rows
// at the end: those are held back until a row with a value follows.
func eachLine(ctx context.Context, tx *sql.Tx, t *tab, a area, how rendering, emit func([]any) error) error {
	empty := 0
	return eachRowFilled(ctx, tx, t, a, func(_ int, cells []cell) error {
		width := 0
		for i, c := range cells {
			if c.value != nil {
				width = i + 1
			}
		}
		if width == 0 {
			empty++
			return nil
		}
		for ; empty > 0; empty-- {
			if err := emit([]any{}); err != nil {
				return err
			}
		}
		line := make([]any, width)
		for i, c := range cells[:width] {
			line[i] = how.value(c)
		}
		return emit(line)
	})
}
