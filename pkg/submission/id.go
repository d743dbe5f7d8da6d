package submission

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/google/uuid"
)

// NewID returns a new UUIDv7: the id of a submission that came without an Idempotency-Key.
func NewID() string {
	return uuid.Must(uuid.NewV7()).String() // fails only without a source of randomness, and Go ends the process before that
}

// KeyedID returns the id of a submission that came with an Idempotency-Key: a UUIDv8 of SHA-256 over form, key and data,
// each preceded by its length, so that no two different triples share their bytes. Data is the encoded event, as
// form.Encode returns it: the same answers must be the same bytes.
func KeyedID(form, key string, data []byte) string {
	hash := sha256.New()
	var length [8]byte
	part := func(b []byte) {
		binary.BigEndian.PutUint64(length[:], uint64(len(b)))
		hash.Write(length[:])
		hash.Write(b)
	}
	part([]byte(form))
	part([]byte(key))
	part(data)

	var id uuid.UUID
	var sum [sha256.Size]byte
	copy(id[:], hash.Sum(sum[:0]))
	id[6] = id[6]&0x0f | 0x80 // version 8: made of what the maker chose
	id[8] = id[8]&0x3f | 0x80 // variant of RFC 9562
	return id.String()
}

// Keyed reports whether id was made by [KeyedID]: a repeat of it is the same submission.
func Keyed(id string) bool {
	const versionAt = 14 // the first digit of a UUID's third group
	return len(id) == 36 && id[versionAt] == '8' && uuid.Validate(id) == nil
}

// Partition returns the partition that a submission with this id belongs in: FNV-1a (32 bits) of id, modulo partitions.
// It depends on nothing else, so that a repeat lies in the same partition whichever replica wrote it; when a topic grows,
// ids move. With fewer than two partitions it is 0.
func Partition(id string, partitions int32) int32 {
	if partitions < 2 {
		return 0
	}
	const offset, prime = 2166136261, 16777619
	hash := uint32(offset)
	for i := range len(id) {
		hash = (hash ^ uint32(id[i])) * prime
	}
	return int32(hash % uint32(partitions))
}
