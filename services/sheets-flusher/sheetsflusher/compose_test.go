package sheetsflusher

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/form"
	"github.com/formstream/formstream/pkg/sheet"
)

// sized is a draft of lines of these sizes, all in partition 0; 0 is a placeholder.
func sized(id string, from int64, sizes ...int) draft {
	d := draft{form: &form.Form{ID: id, Sinks: form.Sinks{Sheets: &form.SheetsSink{Tab: id}}}, topicID: topic, offsets: []int64{from, 5}}
	for i, n := range sizes {
		l := line{entry: buffer.Entry{Offset: from + int64(i), Width: 1, Kind: buffer.KindData}, receivedAt: int64(i), row: sheet.Row{Size: n}}
		if n == 0 {
			l.entry.Kind = buffer.KindRepeat
		}
		d.lines = append(d.lines, l)
	}
	return d
}

func TestCompose(t *testing.T) {
	for _, test := range []struct {
		name   string
		sizes  [][]int
		bytes  int
		taken  []int // entries of each draft
		nParts int
	}{
		{"everything fits", [][]int{{10, 10}, {10}}, 100, []int{2, 1}, 2},
		{"just fits", [][]int{{10, 10}, {10}}, 30, []int{2, 1}, 2},
		{"an entry of each in turn", [][]int{{10, 10, 10}, {10, 10, 10}}, 40, []int{2, 2}, 2},
		{"a short form leaves its share to the others", [][]int{{10}, {10, 10, 10, 10}}, 40, []int{1, 3}, 2},
		{"small ones go on where a large one does not fit", [][]int{{10, 90}, {10, 10, 10}}, 50, []int{1, 3}, 2},
		{"the first is taken whatever its size", [][]int{{500, 1}, {1}}, 100, []int{1, 0}, 1},
		{"placeholders cost nothing", [][]int{{0, 0, 0, 10, 0, 10}}, 10, []int{5}, 1},
		{"a placeholder first, then a large one", [][]int{{0, 500, 0}}, 100, []int{2}, 1},
		{"nothing", [][]int{{}, {}}, 100, []int{0, 0}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var drafts []draft
			for i, sizes := range test.sizes {
				drafts = append(drafts, sized(fmt.Sprint("f", i), 100, sizes...))
			}
			parts, rest := compose(drafts, test.bytes)
			all := 0
			for i, n := range test.taken {
				all += len(test.sizes[i]) - n
			}
			require.Equal(t, all > 0, rest)
			require.Len(t, parts, test.nParts)
			for _, p := range parts {
				var i int
				_, err := fmt.Sscanf(p.Form, "f%d", &i)
				require.NoError(t, err)
				require.Equal(t, []int64{100 + int64(test.taken[i]), 5}, p.Offsets, p.Form)
				require.Equal(t, []int64{100, 5}, drafts[i].offsets, "the draft stays as it is")
			}
		})
	}
}

// Whatever the sizes and the budget, one request after the other takes everything, in order and within the budget.
func TestCompose_anyBudget_takesEverythingInTheEnd(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		budget, sizes := 1+rng.IntN(300), make([][]int, 1+rng.IntN(4))
		total := 0
		for i := range sizes {
			for range rng.IntN(30) {
				sizes[i] = append(sizes[i], max(0, rng.IntN(120)-20))
				total++
			}
		}
		at := make([]int, len(sizes))
		for total > 0 {
			var drafts []draft
			for i := range sizes {
				drafts = append(drafts, sized(fmt.Sprint("f", i), int64(at[i]), sizes[i][at[i]:]...))
			}
			bytes, largest, rows, before := 0, 0, 0, total
			parts, rest := compose(drafts, budget)
			for _, p := range parts {
				var i int
				_, err := fmt.Sscanf(p.Form, "f%d", &i)
				require.NoError(t, err)
				total -= int(p.Offsets[0]) - at[i]
				at[i] = int(p.Offsets[0])
				for _, r := range p.Rows {
					rows, bytes, largest = rows+1, bytes+r.Size, max(largest, r.Size)
				}
			}
			require.Less(t, total, before, "each request takes something")
			require.Equal(t, total > 0, rest)
			if rows > 1 {
				require.LessOrEqual(t, bytes, budget)
			}
		}
	}
}
