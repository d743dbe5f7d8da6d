package formwatch

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/formstream/formstream/pkg/form"
)

// Fingerprint stands for the content of a folder's definitions. The zero value is no folder's.
type Fingerprint [sha256.Size]byte

// FingerprintOf reads the names and the content of the files in dir that form.LoadDir takes for definitions.
func FingerprintOf(dir string) (Fingerprint, error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return Fingerprint{}, fmt.Errorf("read the folder of forms: %w", err)
	}
	all := sha256.New()
	one := sha256.New()
	room := make([]byte, 32<<10)
	for _, entry := range entries {
		name := entry.Name()
		if ext := strings.ToLower(filepath.Ext(name)); ext != ".yaml" && ext != ".yml" || strings.HasPrefix(name, ".") {
			continue
		}
		one.Reset()
		if err := add(one, filepath.Join(dir, name), room); err != nil {
			// It is as good a content as any: LoadDir tells what is wrong, and it is another one once it can be read.
			fmt.Fprintf(one, "unreadable: %v", err)
		}
		_ = binary.Write(all, binary.BigEndian, uint32(len(name))) //nolint:gosec // a file's name has at most 255 bytes
		_, _ = io.WriteString(all, name)
		all.Write(one.Sum(nil))
	}
	return Fingerprint(all.Sum(nil)), nil
}

// add hashes one byte more than a definition may have: what lies beyond cannot make it right.
func add(h hash.Hash, path string, room []byte) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	_, err = io.CopyBuffer(h, io.LimitReader(file, form.MaxDefinitionSize+1), room)
	return err
}
