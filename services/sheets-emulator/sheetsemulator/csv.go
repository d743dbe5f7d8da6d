package sheetsemulator

import (
	"context"
	"database/sql"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
)

// writeCSV writes a tab as RFC 4180 says: CRLF, every line with as many fields as the widest row has values, UTF-8
// without a byte order mark.
//
// The cells were written by strangers, and a spreadsheet program takes a field that begins with = + - @, a tab or a
// carriage return for a formula. So a text that begins with one of them gets an apostrophe in front, which such a
// program shows as text. exact downloads leave every text as it is, for programs that read it back.
func writeCSV(ctx context.Context, tx *sql.Tx, t *tab, to io.Writer, defused bool) error {
	var width int
	err := tx.QueryRowContext(ctx, "SELECT coalesce(max(width), 0) FROM rows WHERE tab = ?", t.key).Scan(&width)
	if err != nil {
		return fmt.Errorf("measure tab: %w", err)
	}
	out := csv.NewWriter(to)
	out.UseCRLF = true
	record := make([]string, width)
	filled := area{endRow: t.filled, endColumn: width}
	err = eachRowFilled(ctx, tx, t, filled, func(_ int, cells []cell) error {
		clear(record)
		for i, c := range cells[:min(len(cells), width)] {
			record[i] = c.text()
			if _, isText := c.value.(string); isText && defused {
				record[i] = defuse(record[i])
			}
		}
		return out.Write(record)
	})
	if err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

func defuse(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
