package buffer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
)

func TestMember_readsBack(t *testing.T) {
	for name, e := range map[string]buffer.Entry{
		"submission": {Partition: 3, Offset: 12, Score: 1_763_750_000_123, Kind: buffer.KindData, Width: 1, Data: []byte("\x00 any bytes \xff")},
		"no data":    {Offset: 0, Kind: buffer.KindData, Width: 1, Data: []byte{}},
		"repeat":     {Offset: 7, Kind: buffer.KindRepeat, Width: 1},
		"gap":        {Offset: buffer.MaxOffset - 5, Kind: buffer.KindGap, Width: 5},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := buffer.ParseMember(e.Partition, e.Score, e.Member())
			require.NoError(t, err)
			require.Equal(t, e, got)
		})
	}
}

func TestParseMember_wrong_saysWhatButShowsNoContent(t *testing.T) {
	for name, member := range map[string]string{
		"empty":          "",
		"offset alone":   "0000000000000000012",
		"no offset":      "someone's own answerd",
		"negative":       "-000000000000000012d",
		"unknown kind":   "0000000000000000012?secret",
		"gap of nothing": "0000000000000000012g0",
		"gap of words":   "0000000000000000012gsecret",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := buffer.ParseMember(4, 0, member)
			require.ErrorContains(t, err, "partition 4")
			require.NotContains(t, err.Error(), "secret")
			require.NotContains(t, err.Error(), "someone")
		})
	}
}

func FuzzParseMember(f *testing.F) {
	f.Add("0000000000000000012dx")
	f.Add("0000000000000000012r")
	f.Add("0000000000000000012g5")
	f.Fuzz(func(t *testing.T, member string) {
		e, err := buffer.ParseMember(0, 0, member)
		if err != nil {
			return
		}
		again, err := buffer.ParseMember(0, 0, e.Member())
		require.NoError(t, err)
		require.Equal(t, e, again)
		require.Greater(t, e.End(), e.Offset)
	})
}

func TestValidate_requestThatCannotBeRight_namesFormPartitionAndFault(t *testing.T) {
	good := buffer.AddRequest{Form: "demo-form", TopicID: "t", Partition: 2, Expected: 4, Start: 1, Delivered: 3, Records: []buffer.Record{{Offset: 4, Width: 2}, {Offset: 6}}}
	require.NoError(t, good.Validate())
	for name, row := range map[string]struct {
		change func(*buffer.AddRequest)
		want   string
	}{
		"no topic":          {func(r *buffer.AddRequest) { r.TopicID = "" }, "topic id"},
		"partition":         {func(r *buffer.AddRequest) { r.Partition = -1 }, "partition is negative"},
		"expected below":    {func(r *buffer.AddRequest) { r.Expected = -2 }, "expected offset -2"},
		"expected above":    {func(r *buffer.AddRequest) { r.Expected = buffer.MaxOffset + 1 }, "expected offset"},
		"start above":       {func(r *buffer.AddRequest) { r.Start = 4 }, "start 4 and delivered 3"},
		"delivered above":   {func(r *buffer.AddRequest) { r.Delivered = buffer.MaxOffset + 1 }, "delivered 9007199254740992"},
		"hole":              {func(r *buffer.AddRequest) { r.Records[1].Offset = 7 }, "offset 7 follows one that ends at 6"},
		"backwards":         {func(r *buffer.AddRequest) { r.Records[1].Offset = 4 }, "offset 4 follows one that ends at 6"},
		"beyond the bound":  {func(r *buffer.AddRequest) { r.Records = []buffer.Record{{Offset: buffer.MaxOffset, Width: 1}} }, "offset 9007199254740991"},
		"width overflows":   {func(r *buffer.AddRequest) { r.Records = []buffer.Record{{Offset: 9, Width: 1<<63 - 1}} }, "width"},
		"too many records":  {func(r *buffer.AddRequest) { r.Records = make([]buffer.Record, buffer.MaxRecords+1) }, "20001 records"},
		"negative width":    {func(r *buffer.AddRequest) { r.Records[0].Width = -1 }, "width -1"},
		"negative offset":   {func(r *buffer.AddRequest) { r.Records[0].Offset = -1 }, "offset -1"},
		"offset at maximum": {func(r *buffer.AddRequest) { r.Records = []buffer.Record{{Offset: buffer.MaxOffset}} }, "offset 9007199254740991"},
	} {
		t.Run(name, func(t *testing.T) {
			r := good
			r.Records = append([]buffer.Record(nil), good.Records...)
			row.change(&r)
			err := r.Validate()
			require.ErrorContains(t, err, "form demo-form, partition "+map[bool]string{true: "-1", false: "2"}[r.Partition < 0])
			require.ErrorContains(t, err, row.want)
		})
	}
}
