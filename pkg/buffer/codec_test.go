package buffer_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/submission"
)

func ExampleEncodeData() {
	s := submission.Submission{ID: "0192", Form: "demo-form", ReceivedAt: time.UnixMilli(1_763_750_000_123), Data: []byte(`{"name":"Ada"}`)}
	fmt.Println(string(buffer.EncodeData(s)))
	// Output: 1763750000123 0192 {"name":"Ada"}
}

func TestEncodeData_readsBack(t *testing.T) {
	for name, s := range map[string]submission.Submission{
		"usual":             {ID: "0192-ab", Form: "demo-form", ReceivedAt: time.UnixMilli(1_763_750_000_123).UTC(), Data: []byte(`{"a":"b c"}`)},
		"begins with space": {ID: "x", Form: "demo-form", ReceivedAt: time.UnixMilli(0).UTC(), Data: []byte("  {} ")},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := buffer.DecodeData(s.Form, buffer.EncodeData(s))
			require.NoError(t, err)
			require.Equal(t, s, got)
		})
	}
}

func TestDecodeData_wrong_isAnErrorWithoutTheContent(t *testing.T) {
	for name, b := range map[string]string{
		"empty":   "",
		"no id":   "1763750000123  secret",
		"no data": "1763750000123 secret",
		"no time": "secret x {}",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := buffer.DecodeData("demo-form", []byte(b))
			require.ErrorContains(t, err, "demo-form")
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func FuzzDecodeData(f *testing.F) {
	f.Add([]byte(`1763750000123 0192 {"a":1}`))
	f.Add([]byte(`-1 0192 {}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := buffer.DecodeData("demo-form", b)
		if err != nil {
			return
		}
		again, err := buffer.DecodeData("demo-form", buffer.EncodeData(s))
		require.NoError(t, err)
		require.True(t, s.ReceivedAt.Equal(again.ReceivedAt))
		require.Equal(t, s.ID, again.ID)
		require.True(t, bytes.Equal(s.Data, again.Data))
	})
}

func ExampleMetadata() {
	fmt.Println(buffer.Metadata{TopicID: "Wm9vLWlkLW9mLXRvcGlj", Delivered: 1200, KeysFrom: 1150})
	// Output: v1 Wm9vLWlkLW9mLXRvcGlj 1200 1150
}

func TestParseMetadata(t *testing.T) {
	for text, want := range map[string]buffer.Metadata{
		"v1 topic-id 0 0":                      {TopicID: "topic-id"},
		"v1 t 9007199254740991 12":             {TopicID: "t", Delivered: buffer.MaxOffset, KeysFrom: 12},
		"":                                     {},
		"v2 topic-id 0 0":                      {},
		"v1  0 0":                              {},
		"v1 topic-id 0":                        {},
		"v1 topic-id 0 0 0":                    {},
		"v1 topic-id -1 0":                     {},
		"v1 topic-id 0 x":                      {},
		"v1 topic-id 3 4":                      {},
		"v1 topic-id 9007199254740992 0":       {},
		"somebody else's tool wrote this here": {},
	} {
		t.Run(text, func(t *testing.T) {
			got, err := buffer.ParseMetadata(text)
			require.Equal(t, want, got)
			if want.TopicID == "" {
				require.ErrorContains(t, err, "commit metadata")
				return
			}
			require.NoError(t, err)
			require.Equal(t, text, got.String())
		})
	}
}

func FuzzParseMetadata(f *testing.F) {
	f.Add("v1 topic-id 12 3")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := buffer.ParseMetadata(text)
		if err != nil {
			return
		}
		again, err := buffer.ParseMetadata(m.String())
		require.NoError(t, err)
		require.Equal(t, m, again)
	})
}
