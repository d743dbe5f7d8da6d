package sheet_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/sheet"
)

const topic = "qh5sXYO_RpmGLZ2XgBFpwA"

func TestVector_roundTrips(t *testing.T) {
	for text, v := range map[string]sheet.Vector{
		"v1 500000000 " + topic + " 0":                {Number: sheet.FirstFence, TopicID: topic, Offsets: []int64{0}},
		"v1 0 t 1,22,333":                             {TopicID: "t", Offsets: []int64{1, 22, 333}},
		"v1 2147483647 t 9223372036854775807,0,0,0,1": {Number: math.MaxInt32, TopicID: "t", Offsets: []int64{math.MaxInt64, 0, 0, 0, 1}},
	} {
		require.Equal(t, text, v.String())
		parsed, err := sheet.ParseVector(text)
		require.NoError(t, err)
		require.Equal(t, v, parsed)
	}
}

func TestParseVector_malformed_saysWhatIsWrong(t *testing.T) {
	for _, test := range []struct{ name, text, says string }{
		{"empty", "", "want \"v1 number topic-id offsets\""},
		{"another version", "v2 1 t 0", "want \"v1 number topic-id offsets\""},
		{"a word too few", "v1 1 t", "want \"v1 number topic-id offsets\""},
		{"a word too many", "v1 1 t 0 0", "want \"v1 number topic-id offsets\""},
		{"two spaces", "v1 1  0", "want \"v1 number topic-id offsets\""},
		{"trailing space", "v1 1 t 0 ", "want \"v1 number topic-id offsets\""},
		{"number is a word", "v1 one t 0", `number "one" is not a metadata id`},
		{"number is negative", "v1 -1 t 0", `number "-1" is not a metadata id`},
		{"number beyond 32 bits", "v1 2147483648 t 0", `number "2147483648" is not a metadata id`},
		{"no offset", "v1 1 t ", `offset "" is not a number of at least 0`},
		{"hole between offsets", "v1 1 t 1,,2", `offset "" is not a number of at least 0`},
		{"comma at the end", "v1 1 t 1,", `offset "" is not a number of at least 0`},
		{"negative offset", "v1 1 t 1,-2", `offset "-2" is not a number of at least 0`},
		{"offset beyond 64 bits", "v1 1 t 9223372036854775808", "is not a number of at least 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := sheet.ParseVector(test.text)
			require.ErrorContains(t, err, test.says)
		})
	}
}

func TestVector_grown_beginsAtZeroInNewPartitions(t *testing.T) {
	v := sheet.Vector{Offsets: []int64{7, 8}}
	require.Equal(t, []int64{7, 8, 0, 0}, v.Grown(4))
	require.Equal(t, []int64{7, 8}, v.Grown(1), "never shortened")
	v.Grown(2)[0] = 1
	require.Equal(t, []int64{7, 8}, v.Offsets, "a copy")
	require.Equal(t, []int64{0, 0}, sheet.Vector{}.Grown(2))
}

func TestFence_valueRoundTrips(t *testing.T) {
	for value, f := range map[string]sheet.Fence{
		"0123456789abcdef":                   {Nonce: "0123456789abcdef"},
		"0123456789abcdef !demo":             {Nonce: "0123456789abcdef", Parked: []string{"demo"}},
		"0123456789abcdef !demo,other,third": {Nonce: "0123456789abcdef", Parked: []string{"demo", "other", "third"}},
	} {
		require.Equal(t, value, f.Value())
		f.ID = sheet.FirstFence
		s := sheet.ParseState(&sheets.Spreadsheet{DeveloperMetadata: []*sheets.DeveloperMetadata{item(f.ID, sheet.FenceKey, value)}})
		require.Equal(t, []sheet.Fence{f}, s.Fences)
	}
}

func TestMetadataUse_isWhatTheLongestMarkersTake(t *testing.T) {
	forms, partitions, keep := []string{"a", "student-data-form", strings.Repeat("x", 63)}, []int{1, 6, 50}, 600
	taken := 0
	for range keep + 1 { // the new one is created before the oldest is deleted
		taken += len(sheet.FenceKey) + len(sheet.Fence{Nonce: strings.Repeat("n", sheet.NonceLength)}.Value())
	}
	for i, f := range forms {
		offsets := make([]int64, partitions[i])
		for p := range offsets {
			offsets[p] = 9_999_999_999_999
		}
		v := sheet.Vector{Number: 1<<30 - 1, TopicID: strings.Repeat("u", 36), Offsets: offsets}
		taken += len(sheet.VectorKey(f)) + len(v.String())
	}
	use, limit := sheet.MetadataUse(forms, partitions, keep)
	require.Equal(t, 30_000, limit)
	require.Equal(t, taken+len(forms), use, "one comma to spare for each form")
}

func TestMetadataUse_aHundredFormsOfSixPartitionsFit(t *testing.T) {
	var forms []string
	var partitions []int
	for len(forms) < 100 {
		forms, partitions = append(forms, "student-data-form"), append(partitions, 6)
	}
	use, limit := sheet.MetadataUse(forms, partitions, sheet.KeepFences)
	require.LessOrEqual(t, use, limit)
}

func FuzzParseVector(f *testing.F) {
	for _, s := range []string{"v1 500000000 " + topic + " 0,1,2", "v1 0 t 0", "v1 +1 t +2", "v1 1 t ,", "v1  t 0", "v1 1 t 0 ", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := sheet.ParseVector(s)
		if err != nil {
			return
		}
		require.NotEmpty(t, v.Offsets)
		require.NotEmpty(t, v.TopicID)
		again, err := sheet.ParseVector(v.String())
		require.NoError(t, err)
		require.Equal(t, v, again)
	})
}
