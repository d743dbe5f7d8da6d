package submission

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	// MinKeyLength is the shortest signing key that [NewSigner] takes, in bytes. 32 random bytes are right.
	MinKeyLength = 16

	// NoOffset stands for a place that the broker did not tell: the submission is accepted, but its offset is unknown.
	NoOffset = -1

	receiptVersion = 1

	// macLength is half of SHA-256: 128 bits cannot be guessed, and the token stays short enough for a URL in a mail.
	macLength = sha256.Size / 2

	// maxToken bounds what Open reads, in characters; the longest token that Sign makes has about 250.
	maxToken = 512
)

// ErrReceipt is the only error of [Signer.Open]: it does not tell a forger what was wrong.
var ErrReceipt = errors.New("receipt is not valid")

// Receipt names a submission's place in the log.
type Receipt struct {
	Form       string
	Partition  int32
	Offset     int64 // NoOffset: the place is not known
	ID         string
	ReceivedAt time.Time // UTC, whole milliseconds
}

// Signer turns receipts into tokens and back. It is safe for concurrent use.
type Signer struct{ keys [][]byte }

// NewSigner returns a signer: the first key signs, all of them verify, so that a key can be replaced without a receipt
// becoming worthless. It fails without a key, or when one is shorter than [MinKeyLength] bytes.
func NewSigner(keys ...[]byte) (*Signer, error) {
	if len(keys) == 0 {
		return nil, errors.New("receipts need at least one signing key")
	}
	s := &Signer{}
	for i, key := range keys {
		if len(key) < MinKeyLength {
			return nil, fmt.Errorf("receipt key %d has %d bytes: use at least %d random ones", i+1, len(key), MinKeyLength)
		}
		s.keys = append(s.keys, append([]byte(nil), key...))
	}
	return s, nil
}

// Sign returns the token of r: URL-safe text, about 80 characters. ReceivedAt is cut to whole milliseconds.
func (s *Signer) Sign(r Receipt) string {
	payload := appendReceipt(make([]byte, 0, 96), r)
	payload = append(payload, sign(s.keys[0], payload)...)
	return base64.RawURLEncoding.EncodeToString(payload)
}

// Open returns the receipt of a token that Sign made with one of the keys. Anything else is [ErrReceipt].
func (s *Signer) Open(token string) (Receipt, error) {
	// The decoder skips line breaks even when strict: such a token is not what Sign made.
	if len(token) > maxToken || strings.ContainsAny(token, "\r\n") {
		return Receipt{}, ErrReceipt
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) <= macLength {
		return Receipt{}, ErrReceipt
	}
	payload, mac := raw[:len(raw)-macLength], raw[len(raw)-macLength:]
	good := false
	for _, key := range s.keys { // every key, whichever fits: the time taken tells nothing
		good = hmac.Equal(mac, sign(key, payload)) || good
	}
	if !good {
		return Receipt{}, ErrReceipt
	}
	return parseReceipt(payload)
}

func sign(key, payload []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("formstream receipt\n")) // so that a key also used elsewhere cannot sign a receipt by chance
	mac.Write(payload)
	return mac.Sum(nil)[:macLength]
}

// appendReceipt writes: version, form, partition, offset+1, milliseconds, id (an empty text, then 16 bytes, for a UUID).
func appendReceipt(b []byte, r Receipt) []byte {
	b = append(b, receiptVersion)
	b = appendText(b, r.Form)
	b = binary.AppendUvarint(b, uint64(uint32(r.Partition)))
	b = binary.AppendVarint(b, r.Offset)
	b = binary.AppendVarint(b, r.ReceivedAt.UnixMilli())
	if id, err := uuid.Parse(r.ID); err == nil && id.String() == r.ID {
		return append(append(b, 0), id[:]...)
	}
	return appendText(b, r.ID)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func parseReceipt(b []byte) (Receipt, error) {
	d := decoder{rest: b}
	if version := d.bytes(1); d.bad || version[0] != receiptVersion {
		return Receipt{}, ErrReceipt
	}
	r := Receipt{Form: d.text(MaxFormLength)}
	partition := d.uvarint()
	if partition > math.MaxInt32 {
		return Receipt{}, ErrReceipt
	}
	r.Partition = int32(partition)
	r.Offset = d.varint()
	r.ReceivedAt = time.UnixMilli(d.varint()).UTC()
	r.ID = d.text(MaxIDLength)
	if r.ID == "" && !d.bad {
		var id uuid.UUID
		copy(id[:], d.bytes(len(id)))
		r.ID = id.String()
	}
	if d.bad || len(d.rest) > 0 {
		return Receipt{}, ErrReceipt
	}
	return r, nil
}

// decoder reads from rest until something does not fit; then it is bad and reads nothing more.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) bytes(n int) []byte {
	if d.bad || n > len(d.rest) {
		d.bad = true
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) text(limit int) string {
	n := d.uvarint()
	if n > uint64(limit) {
		d.bad = true
		return ""
	}
	return string(d.bytes(int(n)))
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	d.skip(n)
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	d.skip(n)
	return v
}

func (d *decoder) skip(n int) {
	if n <= 0 {
		d.bad = true
		return
	}
	d.bytes(n)
}
