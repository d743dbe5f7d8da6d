package submission_test

import (
	"bytes"
	"encoding/base64"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/submission"
)

func signer(tb testing.TB, keys ...string) *submission.Signer {
	tb.Helper()
	var raw [][]byte
	for _, key := range keys {
		raw = append(raw, bytes.Repeat([]byte(key), submission.MinKeyLength))
	}
	s, err := submission.NewSigner(raw...)
	require.NoError(tb, err)
	return s
}

func receipt() submission.Receipt {
	return submission.Receipt{
		Form: "student-data-form", Partition: 5, Offset: 123_456, ID: "019a9c3e-7c1b-7d3a-9f00-0123456789ab",
		ReceivedAt: time.Date(2026, 11, 21, 17, 34, 0, 120_000_000, time.UTC),
	}
}

func TestReceipt_openedIsWhatWasSigned(t *testing.T) {
	s := signer(t, "a")
	for _, row := range []struct {
		name   string
		change func(*submission.Receipt)
	}{
		{name: "ordinary", change: func(*submission.Receipt) {}},
		{name: "place unknown", change: func(r *submission.Receipt) { r.Offset = submission.NoOffset }},
		{name: "first of all", change: func(r *submission.Receipt) { r.Partition, r.Offset, r.ReceivedAt = 0, 0, time.UnixMilli(0).UTC() }},
		{name: "last of all", change: func(r *submission.Receipt) { r.Partition, r.Offset = math.MaxInt32, math.MaxInt64 }},
		{name: "a keyed id", change: func(r *submission.Receipt) { r.ID = submission.KeyedID("a", "b", nil) }},
		{name: "a foreign id", change: func(r *submission.Receipt) { r.ID = "order-4711" }},
		{name: "an id in capitals", change: func(r *submission.Receipt) { r.ID = strings.ToUpper(r.ID) }},
		{name: "longest", change: func(r *submission.Receipt) {
			r.Form, r.ID = strings.Repeat("f", submission.MaxFormLength), strings.Repeat("i", submission.MaxIDLength)
			r.Partition, r.Offset = math.MaxInt32, math.MaxInt64
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			want := receipt()
			row.change(&want)
			token := s.Sign(want)
			require.Regexp(t, `^[A-Za-z0-9_-]{40,300}$`, token)
			got, err := s.Open(token)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestReceipt_ordinaryTokenIsShort(t *testing.T) {
	require.LessOrEqual(t, len(signer(t, "a").Sign(receipt())), 90)
}

func TestReceipt_receivedAtIsCutToMilliseconds(t *testing.T) {
	s, r := signer(t, "a"), receipt()
	r.ReceivedAt = r.ReceivedAt.Add(999 * time.Microsecond).In(time.FixedZone("IST", 19_800))
	got, err := s.Open(s.Sign(r))
	require.NoError(t, err)
	require.Equal(t, receipt(), got)
}

func TestReceipt_everyChangedCharacter_isRefused(t *testing.T) {
	s := signer(t, "a")
	token := s.Sign(receipt())
	for i := range len(token) {
		for _, other := range "AbY0_-=+/ \n" {
			if rune(token[i]) == other {
				continue
			}
			_, err := s.Open(token[:i] + string(other) + token[i+1:])
			require.ErrorIs(t, err, submission.ErrReceipt, "character %d", i)
		}
	}
}

func TestReceipt_everyChangedBit_isRefused(t *testing.T) {
	s := signer(t, "a")
	raw, err := base64.RawURLEncoding.DecodeString(s.Sign(receipt()))
	require.NoError(t, err)
	for bit := range 8 * len(raw) {
		forged := bytes.Clone(raw)
		forged[bit/8] ^= 1 << (bit % 8)
		_, err := s.Open(base64.RawURLEncoding.EncodeToString(forged))
		require.ErrorIs(t, err, submission.ErrReceipt, "bit %d", bit)
	}
}

func TestReceipt_whatIsNoToken_isRefused(t *testing.T) {
	s := signer(t, "a")
	token := s.Sign(receipt())
	for name, other := range map[string]string{
		"empty": "", "words": "hello", "cut": token[:len(token)-1], "longer": token + "A", "padded": token + "==",
		"with a line break": token + "\n", "with one inside": token[:10] + "\r\n" + token[10:], "endless": strings.Repeat("A", 1<<20),
		"of another key": signer(t, "b").Sign(receipt()),
	} {
		_, err := s.Open(other)
		require.ErrorIs(t, err, submission.ErrReceipt, name)
	}
}

func TestSigner_rotation_theFirstKeySignsAndAllVerify(t *testing.T) {
	before, during, after := signer(t, "a"), signer(t, "b", "a"), signer(t, "b")
	old, renewed := before.Sign(receipt()), during.Sign(receipt())

	for _, token := range []string{old, renewed} {
		got, err := during.Open(token)
		require.NoError(t, err)
		require.Equal(t, receipt(), got)
	}
	_, err := after.Open(old)
	require.ErrorIs(t, err, submission.ErrReceipt)
	_, err = after.Open(renewed)
	require.NoError(t, err)
	_, err = before.Open(renewed)
	require.ErrorIs(t, err, submission.ErrReceipt)
}

func TestSigner_keepsItsOwnKeys(t *testing.T) {
	key := bytes.Repeat([]byte("a"), 32)
	s, err := submission.NewSigner(key)
	require.NoError(t, err)
	token := s.Sign(receipt())
	clear(key)
	_, err = s.Open(token)
	require.NoError(t, err)
}

func TestNewSigner_wrongKeys_areNamedByPlaceAlone(t *testing.T) {
	_, err := submission.NewSigner()
	require.EqualError(t, err, "receipts need at least one signing key")
	_, err = submission.NewSigner(bytes.Repeat([]byte("a"), 32), []byte("s3cret"))
	require.EqualError(t, err, "receipt key 2 has 6 bytes: use at least 16 random ones")
}

func BenchmarkReceiptSign(b *testing.B) {
	s, r := signer(b, "a"), receipt()
	b.ReportAllocs()
	for b.Loop() {
		if s.Sign(r) == "" {
			b.Fatal("no token")
		}
	}
}

func BenchmarkReceiptOpen(b *testing.B) {
	s := signer(b, "a", "b")
	token := s.Sign(receipt())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Open(token); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzReceipt: no token opens but those that were signed, whatever they say.
func FuzzReceipt(f *testing.F) {
	s := signer(f, "a", "b")
	f.Add(s.Sign(receipt()), "form", int32(1), int64(2), "id", int64(3))
	f.Add("", "", int32(0), int64(-1), "019a9c3e-7c1b-7d3a-9f00-0123456789ab", int64(0))
	f.Fuzz(func(t *testing.T, token, form string, partition int32, offset int64, id string, millis int64) {
		if opened, err := s.Open(token); err == nil {
			require.Equal(t, token, s.Sign(opened), "only the signer's own text opens")
		}
		if len(form) > submission.MaxFormLength || len(id) > submission.MaxIDLength || id == "" || partition < 0 {
			return
		}
		want := submission.Receipt{Form: form, Partition: partition, Offset: offset, ID: id, ReceivedAt: time.UnixMilli(millis).UTC()}
		got, err := s.Open(s.Sign(want))
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}
