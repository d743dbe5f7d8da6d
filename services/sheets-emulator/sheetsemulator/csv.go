package sheetsemulator

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"strings"
)

// writeCSV writes a tab as RFC 4180 says: CRLF, every line with as many fields as the widest row has values, UTF-8
// without a byte order mark. A line end within a cell stays the one that it is, which encoding/csv would change.
//
// The cells were written by strangers, and a spreadsheet program takes a field that begins with = + - @, a tab or a
// carriage return for a formula. So a text that begins with one of them gets an apostrophe in front. exact downloads
// leave every text as it is, for programs that read it back.
func writeCSV(ctx context.Context, tx *sql.Tx, t *tab, to io.Writer, defused bool) error {
	var width int
	err := tx.QueryRowContext(ctx, "SELECT coalesce(max(width), 0) FROM rows WHERE tab = ?", t.key).Scan(&width)
	if err != nil {
		return fmt.Errorf("measure tab: %w", err)
	}
	out := bufio.NewWriterSize(to, 64<<10) // its errors are sticky: Flush returns them
	err = eachRowFilled(ctx, tx, t, area{endRow: t.filled, endColumn: width}, func(_ int, cells []cell) error {
		for i := range width {
			if i > 0 {
				_ = out.WriteByte(',')
			}
			if i < len(cells) {
				_, _ = out.WriteString(csvField(cells[i], defused))
			}
		}
		_, err := out.WriteString("\r\n")
		return err
	})
	if err != nil {
		return err
	}
	return out.Flush()
}

// csvField is a cell as a field, in quotes where it needs them.
func csvField(c cell, defused bool) string {
	text := c.text()
	if _, isText := c.value.(string); isText && defused && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		text = "'" + text
	}
	if !strings.ContainsAny(text, ",\"\r\n") {
		return text
	}
	return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
}
