// Package table writes figures for people: as a table of Markdown, padded so that a terminal shows it well too.
package table

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Write writes rows, the first of which is the header: numbers flush right, names flush left, - for what is missing at a
// row's end.
func Write(w io.Writer, rows [][]string) {
	width := make([]int, len(rows[0]))
	isName := func(column int) bool {
		return column == 0 || rows[0][column] == "answer" || rows[0][column] == "server"
	}
	for n, row := range rows {
		for len(row) < len(width) {
			row = append(row, "-")
		}
		rows[n] = row
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell), len("-:"))
		}
	}
	line := func(cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
	for n, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			padding := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if cells[i] = padding + cell; isName(i) {
				cells[i] = cell + padding
			}
		}
		line(cells)
		if n == 0 {
			for i := range cells {
				if cells[i] = strings.Repeat("-", width[i]-1) + ":"; isName(i) {
					cells[i] = strings.Repeat("-", width[i])
				}
			}
			line(cells)
		}
	}
}
