package sheet

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Ids and keys of our developer metadata. An id is a positive int32, unique in its spreadsheet.
const (
	FenceKey     = "fs"          // short: 600 of them share 30,000 characters with the vectors
	FirstFence   = 500_000_000   // the lowest id of a fence
	vectorPrefix = "formstream." // + form id
	firstVector  = 1 << 30
	vectorIDs    = 1 << 30
	KeepFences   = 600    // a request that timed out can still be applied up to 180 s later, at most 60 flushes a minute
	NonceLength  = 16     // characters
	metadataSize = 30_000 // characters of keys and values at the spreadsheet's level (Sheets guide, metadata limits)
)

// Vector says what has been delivered of one form.
type Vector struct {
	Number  int64   // id of the fence it was written with
	TopicID string  // of the topic that the offsets belong to
	Offsets []int64 // first offset not delivered; index = partition
}

// String encodes the vector for its metadata item.
func (v Vector) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "v1 %d %s ", v.Number, v.TopicID)
	for i, o := range v.Offsets {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(o, 10))
	}
	return b.String()
}

// ParseVector is the inverse of String.
func ParseVector(s string) (Vector, error) {
	f := strings.Split(s, " ")
	if len(f) != 4 || f[0] != "v1" || f[2] == "" {
		return Vector{}, fmt.Errorf("vector %q: want \"v1 number topic-id offsets\"", s)
	}
	n, err := strconv.ParseInt(f[1], 10, 32)
	if err != nil || n < 0 {
		return Vector{}, fmt.Errorf("vector %q: number %q is not a metadata id", s, f[1])
	}
	v := Vector{Number: n, TopicID: f[2]}
	for _, t := range strings.Split(f[3], ",") {
		o, err := strconv.ParseInt(t, 10, 64)
		if err != nil || o < 0 {
			return Vector{}, fmt.Errorf("vector %q: offset %q is not a number of at least 0", s, t)
		}
		v.Offsets = append(v.Offsets, o)
	}
	return v, nil
}

// Grown returns the offsets padded with zeros to n partitions: a topic that has grown begins at 0 in its new ones.
func (v Vector) Grown(n int) []int64 {
	out := make([]int64, max(n, len(v.Offsets)))
	copy(out, v.Offsets)
	return out
}

// Fence is the mark of one flush.
type Fence struct {
	ID      int64
	Nonce   string
	Foreign bool     // the item of this id is no fence: its key is somebody else's
	Parked  []string // forms whose vector did not match when the flush was applied: held until an operator resumes them
}

// Value encodes what the fence's metadata item holds.
func (f Fence) Value() string {
	if len(f.Parked) == 0 {
		return f.Nonce
	}
	return f.Nonce + " !" + strings.Join(f.Parked, ",")
}

func parseFence(id int64, value string) Fence {
	nonce, parked, found := strings.Cut(value, " !")
	f := Fence{ID: id, Nonce: nonce}
	if found {
		f.Parked = strings.Split(parked, ",")
	}
	return f
}

// VectorKey is the metadata key of a form's vector.
func VectorKey(form string) string { return vectorPrefix + form }

// hash30 returns 30 bits of the name's SHA-256.
func hash30(name string) int64 {
	sum := sha256.Sum256([]byte(name))
	return int64(binary.BigEndian.Uint32(sum[:4]) >> 2)
}

// MetadataUse counts the characters of metadata that a spreadsheet of these forms can come to, and the limit. partitions[i]
// is the number of partitions of forms[i]. Offsets are counted with 13 digits.
func MetadataUse(forms []string, partitions []int, keep int) (characters, limit int) {
	characters = (keep + 1) * (len(FenceKey) + NonceLength)
	for i, f := range forms {
		characters += len(VectorKey(f)) + len("v1 ") + len("1073741823 ") + 36 + 1 + 14*partitions[i]
	}
	return characters, metadataSize
}
