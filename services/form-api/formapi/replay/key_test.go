package replay_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/services/form-api/formapi/replay"
)

func TestKey(t *testing.T) {
	for name, row := range map[string]struct {
		value, key string
		err        error
	}{
		"bare uuid":               {value: "8e03978e-40d5-43dd-bc93-6894a57f9324", key: "8e03978e-40d5-43dd-bc93-6894a57f9324"},
		"quoted uuid":             {value: `"8e03978e-40d5-43dd-bc93-6894a57f9324"`, key: "8e03978e-40d5-43dd-bc93-6894a57f9324"},
		"bare base64":             {value: "a+/b==", key: "a+/b=="},
		"blanks around":           {value: " \tabc ", key: "abc"},
		"quoted with blanks":      {value: `"a b"`, key: "a b"},
		"quoted, only a blank":    {value: `" "`, key: " "},
		"escaped":                 {value: `"a\"b\\c"`, key: `a"b\c`},
		"longest":                 {value: strings.Repeat("k", 255), key: strings.Repeat("k", 255)},
		"longest, quoted":         {value: `"` + strings.Repeat(`\"`, 255) + `"`, key: strings.Repeat(`"`, 255)},
		"one too long":            {value: strings.Repeat("k", 256), err: replay.ErrKeyLong},
		"one too long, quoted":    {value: `"` + strings.Repeat("k", 256) + `"`, err: replay.ErrKeyLong},
		"empty":                   {value: "", err: replay.ErrKeyEmpty},
		"blank":                   {value: "  ", err: replay.ErrKeyEmpty},
		"quoted empty":            {value: `""`, err: replay.ErrKeyEmpty},
		"not closed":              {value: `"abc`, err: replay.ErrKeyQuotes},
		"only a quote":            {value: `"`, err: replay.ErrKeyQuotes},
		"ends in an escape":       {value: `"abc\`, err: replay.ErrKeyQuotes},
		"closing quote escaped":   {value: `"abc\"`, err: replay.ErrKeyQuotes},
		"escape of another":       {value: `"a\nb"`, err: replay.ErrKeyQuotes},
		"behind the quotes":       {value: `"abc"; p=1`, err: replay.ErrKeyQuotes},
		"two, joined by a proxy":  {value: `"abc", "def"`, err: replay.ErrKeyQuotes},
		"two bare ones, joined":   {value: "abc, def", err: replay.ErrKeyChar},
		"bare with a quote":       {value: `abc"`, err: replay.ErrKeyChar},
		"bare with a blank":       {value: "a b", err: replay.ErrKeyChar},
		"bare beyond ASCII":       {value: "schlüssel", err: replay.ErrKeyChar},
		"quoted beyond ASCII":     {value: `"schlüssel"`, err: replay.ErrKeyChar},
		"not even UTF-8":          {value: "\xff", err: replay.ErrKeyChar},
		"control character":       {value: "a\x00b", err: replay.ErrKeyChar},
		"quoted with a line feed": {value: "\"a\nb\"", err: replay.ErrKeyChar},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := replay.Key(row.value)
			require.ErrorIs(t, err, row.err)
			require.Equal(t, row.key, key)
		})
	}
}

func TestFromHeader(t *testing.T) {
	h := http.Header{}
	key, err := replay.FromHeader(h)
	require.NoError(t, err)
	require.Empty(t, key)

	h.Set("idempotency-key", `"abc"`)
	key, err = replay.FromHeader(h)
	require.NoError(t, err)
	require.Equal(t, "abc", key)

	h.Add("Idempotency-Key", "abc")
	_, err = replay.FromHeader(h)
	require.ErrorIs(t, err, replay.ErrKeyMany)

	_, err = replay.FromHeader(http.Header{"Idempotency-Key": {""}})
	require.ErrorIs(t, err, replay.ErrKeyEmpty, "sent, but empty: the client believes that it is protected")
}

func FuzzKey(f *testing.F) {
	for _, seed := range []string{"abc", `"abc"`, `"a\"b\\c"`, `"`, `"\`, "", " ", "a,b", `"a";p`, "\x00", "ü"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		key, err := replay.Key(value)
		if err != nil {
			require.Empty(t, key)
			return
		}
		require.NotEmpty(t, key)
		require.LessOrEqual(t, len(key), replay.MaxKeyLength)
		require.False(t, strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }), "printable ASCII")
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
		again, err := replay.Key(quoted)
		require.NoError(t, err)
		require.Equal(t, key, again, "quoted, it is the same key")
	})
}
