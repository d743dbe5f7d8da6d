package sheetsemulator

import (
	"strconv"
	"strings"
)

// maxColumns is ZZZ, the last column that Sheets can have.
const maxColumns = 18_278

// area is a rectangle of one tab, zero-based and half open.
type area struct {
	startRow, endRow       int
	startColumn, endColumn int
}

func (a area) rows() int    { return a.endRow - a.startRow }
func (a area) columns() int { return a.endColumn - a.startColumn }

// unbounded stands for "to the edge of the grid", whose size the parser does not know.
const unbounded = -1

// a1Range is a range as written: the tab's title, "" for the first tab, and the area, with unbounded edges.
type a1Range struct {
	title string
	area  area
	whole bool // no cells were named: the whole tab
}

// splitA1 takes a range apart without knowing any tab: "Title!A1:B2", "'It”s'!A:A", "A1", "Title".
// What could be cells is read as cells first, as Google does; ok is false when it cannot be a range at all.
func splitA1(text string) (r a1Range, ok bool) {
	title, cells, quoted := text, "", false
	if rest, isQuoted := strings.CutPrefix(text, "'"); isQuoted {
		if title, cells, ok = cutQuoted(rest); !ok {
			return r, false
		}
		quoted = true
	} else if i := strings.LastIndexByte(text, '!'); i >= 0 {
		title, cells = text[:i], text[i+1:]
		if title == "" || cells == "" {
			return r, false
		}
	} else if a, isCells := parseCells(text); isCells {
		return a1Range{area: a}, true
	}
	if cells == "" {
		return a1Range{title: title, whole: true}, quoted || title != ""
	}
	a, ok := parseCells(cells)
	return a1Range{title: title, area: a}, ok
}

// cutQuoted reads a title up to its closing quote (” is a quote within it), and the cells after the "!".
func cutQuoted(rest string) (title, cells string, ok bool) {
	var b strings.Builder
	for {
		part, after, found := strings.Cut(rest, "'")
		if !found {
			return "", "", false
		}
		b.WriteString(part)
		rest = after
		if !strings.HasPrefix(rest, "'") {
			break
		}
		b.WriteByte('\'')
		rest = rest[1:]
	}
	if rest == "" {
		return b.String(), "", b.Len() > 0
	}
	cells, ok = strings.CutPrefix(rest, "!")
	return b.String(), cells, ok && cells != "" && b.Len() > 0
}

// parseCells reads A1, A1:B2, A:C, 2:4, A2:C (open below), A2:2 (open to the right), in any order of corners.
// A lone column or row is no range.
func parseCells(text string) (area, bool) {
	first, second, isRange := strings.Cut(text, ":")
	c1, r1, ok := parseCorner(first)
	if !ok {
		return area{}, false
	}
	c2, r2 := c1, r1
	if isRange {
		if c2, r2, ok = parseCorner(second); !ok {
			return area{}, false
		}
	} else if c1 == unbounded || r1 == unbounded {
		return area{}, false
	}
	if r1 == unbounded && c2 == unbounded || c1 == unbounded && r2 == unbounded {
		return area{}, false // A:2
	}
	startRow, endRow := span(r1, r2)
	startColumn, endColumn := span(c1, c2)
	return area{startRow, endRow, startColumn, endColumn}, true
}

// span orders two corners of one dimension. One that is missing leaves the span open at its end; both missing
// make it the whole dimension.
func span(a, b int) (start, end int) {
	switch {
	case a == unbounded && b == unbounded:
		return 0, unbounded
	case a == unbounded:
		return b, unbounded
	case b == unbounded:
		return a, unbounded
	}
	return min(a, b), max(a, b) + 1
}

// parseCorner reads A1, A or 1, with or without $; what is missing is unbounded.
func parseCorner(text string) (column, row int, ok bool) {
	text = strings.TrimPrefix(text, "$")
	i := 0
	for i < len(text) && isLetter(text[i]) {
		i++
	}
	letters, digits := text[:i], text[i:]
	if letters != "" {
		digits = strings.TrimPrefix(digits, "$")
	}
	column, row = unbounded, unbounded
	if letters != "" {
		if column, ok = columnIndex(letters); !ok {
			return 0, 0, false
		}
	}
	if digits != "" {
		n, err := strconv.ParseUint(digits, 10, 31)
		if err != nil || n == 0 {
			return 0, 0, false
		}
		row = int(n) - 1
	}
	return column, row, letters != "" || digits != ""
}

func isLetter(b byte) bool { return (b|0x20) >= 'a' && (b|0x20) <= 'z' }

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// columnIndex is 0 for A, 25 for Z, 26 for AA; more than three letters are no column.
func columnIndex(letters string) (int, bool) {
	if len(letters) > 3 {
		return 0, false
	}
	n := 0
	for i := range len(letters) {
		n = n*26 + int(letters[i]|0x20-'a') + 1
	}
	return n - 1, true
}

// columnName is A for 0, ZZZ for 18,277.
func columnName(index int) string {
	var name [8]byte
	i := len(name)
	for n := index + 1; n > 0; n = (n - 1) / 26 {
		i--
		name[i] = byte('A' + (n-1)%26)
	}
	return string(name[i:])
}

// isR1C1 tells whether a range that is not A1 would be R1C1 notation, which Google reads and this server does not.
func isR1C1(text string) bool {
	if i := strings.LastIndexByte(text, '!'); i >= 0 {
		text = text[i+1:]
	}
	for part := range strings.SplitSeq(text, ":") {
		rest, ok := strings.CutPrefix(strings.ToUpper(part), "R")
		if !ok {
			return false
		}
		rest = strings.TrimLeft(rest, "0123456789[]")
		if rest, ok = strings.CutPrefix(rest, "C"); !ok || strings.Trim(rest, "0123456789[]") != "" {
			return false
		}
	}
	return true
}

// writeA1 names an area of a tab as Google echoes it: Sheet1!A1:B2, 'two words'!C3.
func writeA1(title string, a area) string {
	text := quoteTitle(title) + "!" + columnName(a.startColumn) + strconv.Itoa(a.startRow+1)
	if a.rows() == 1 && a.columns() == 1 {
		return text
	}
	return text + ":" + columnName(a.endColumn-1) + strconv.Itoa(a.endRow)
}

// quoteTitle quotes a title that is not a plain word, or that could be read as a cell.
func quoteTitle(title string) string {
	plain := title != "" && (isLetter(title[0]) || title[0] == '_')
	for i := range len(title) {
		b := title[i]
		plain = plain && (isLetter(b) || isDigit(b) || b == '_')
	}
	if _, isCell := parseCells(title); plain && !isCell && !isR1C1(title) {
		return title
	}
	return "'" + strings.ReplaceAll(title, "'", "''") + "'"
}
