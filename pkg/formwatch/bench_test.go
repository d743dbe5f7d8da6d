package formwatch

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/form"
)

const manyForms = 1000

// folderOfMany holds forms of seven fields, each with an id and a tab of its own.
func folderOfMany(b *testing.B) (dir string, lookup func(string) (string, bool)) {
	dir = b.TempDir()
	for i := range manyForms {
		write(b, dir, fmt.Sprintf("form-%04d.yaml", i), fmt.Sprintf(`id: form-%04d
title: Form %d
description: One of many
fields:
  - {name: name, label: Full name, type: text, required: true, rules: "min=2,max=100"}
  - {name: email, label: E-mail, type: email, required: true}
  - {name: university, label: University, type: text, required: true, rules: "max=200"}
  - {name: roll, label: Roll number, type: text, required: true, rules: "max=50"}
  - {name: gender, label: Gender, type: choice, required: true, options: [F, M, X]}
  - {name: age, label: Age, type: integer, rules: "gte=16,lte=120"}
  - {name: message, label: Message, type: multiline, rules: "max=2000"}
sinks:
  sheets: {spreadsheet: "${SHEET}", tab: form-%04d}
`, i, i, i))
	}
	return dir, func(string) (string, bool) { return "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms", true }
}

func loadMany(b *testing.B, dir string, lookup func(string) (string, bool)) *form.Set {
	set, err := form.LoadDir(dir, lookup)
	require.NoError(b, err)
	return set
}

func BenchmarkLoadDir_1000Forms(b *testing.B) {
	dir, lookup := folderOfMany(b)
	b.ReportAllocs()
	for b.Loop() {
		loadMany(b, dir, lookup)
	}
	b.ReportMetric(held(b, func() *form.Set { return loadMany(b, dir, lookup) })/manyForms, "heap-B/form")
}

// held is what the heap has more with the set than without it.
func held(b *testing.B, load func() *form.Set) float64 {
	var before, after runtime.MemStats
	load() // once, for what is kept however many there are
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&before)
	set := load()
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Len(b, set.All(), manyForms)
	return float64(after.HeapAlloc) - float64(before.HeapAlloc)
}

func BenchmarkLookup_1000Forms(b *testing.B) {
	dir, lookup := folderOfMany(b)
	set := loadMany(b, dir, lookup)
	ids := make([]string, 0, manyForms)
	for _, f := range set.All() {
		ids = append(ids, f.ID)
	}
	i := 0
	for b.Loop() {
		if _, ok := set.Lookup(ids[i%manyForms]); !ok {
			b.Fatal("no such form")
		}
		i++
	}
}

// BenchmarkPoll_1000Forms is what the poll costs when nothing has changed.
func BenchmarkPoll_1000Forms(b *testing.B) {
	dir, _ := folderOfMany(b)
	for b.Loop() {
		_, err := FingerprintOf(dir)
		require.NoError(b, err)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(b, err)
	require.Len(b, entries, manyForms)
}
