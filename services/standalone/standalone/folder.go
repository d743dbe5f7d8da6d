package standalone

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/formstream/formstream/pkg/chassis"
)

const (
	dataFormat = 1 // of the folder's layout; the broker and the emulator number theirs by themselves

	formatFile = "format"
	lockFile   = "lock"
	keyFile    = "receipt-key"
	kafkaDir   = "kafka"
	sheetsDir  = "sheets"

	maxSmallFile = 4 << 10 // bytes read of format, lock and key
)

// folder is the data folder, locked.
type folder struct {
	path string
	lock *os.File
}

// openFolder makes the folder or checks the one that is there, and locks it. Its errors name the flag -data.
func openFolder(path string) (_ *folder, err error) {
	if err := os.MkdirAll(path, 0o750); err != nil {
		return nil, chassis.Wrong("data", path, "cannot be made: "+err.Error())
	}
	f := &folder{path: path}
	if f.lock, err = os.OpenFile(f.in(lockFile), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, chassis.Wrong("data", path, "cannot be written to: "+err.Error())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.lock.Close())
		}
	}()
	if err := lock(f.lock); err != nil {
		return nil, chassis.Wrong("data", path, fmt.Sprintf("is in use by %s; end that one, or choose another folder", f.holder()))
	}
	if err := f.sign(); err != nil {
		return nil, err
	}
	if err := f.checkFormat(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *folder) in(name string) string { return filepath.Join(f.path, name) }

// holder names the process that has the lock, as far as it is known.
func (f *folder) holder() string {
	text, err := readSmall(f.in(lockFile))
	if pid, parseErr := strconv.Atoi(text); err == nil && parseErr == nil {
		return "the process with pid " + strconv.Itoa(pid)
	}
	return "another process"
}

// sign writes our pid into the lock file, for the message of whoever comes next.
func (f *folder) sign() error {
	if err := f.lock.Truncate(0); err != nil {
		return fmt.Errorf("write lock file: %w", err)
	}
	if _, err := f.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fmt.Errorf("write lock file: %w", err)
	}
	return nil
}

func (f *folder) checkFormat() error {
	text, err := readSmall(f.in(formatFile))
	if errors.Is(err, fs.ErrNotExist) {
		return writeWhole(f.in(formatFile), strconv.Itoa(dataFormat)+"\n", 0o640)
	}
	if err != nil {
		return chassis.Wrong("data", f.path, "its format cannot be read: "+err.Error())
	}
	format, err := strconv.Atoi(text)
	switch {
	case err != nil || format < 1:
		return chassis.Wrong("data", f.path, fmt.Sprintf("its file %s says %q, which is no format: choose another folder", formatFile, text))
	case format > dataFormat:
		return chassis.Wrong("data", f.path, fmt.Sprintf("its data format is %d and this version knows %d: start the newer version that wrote it, or choose another folder", format, dataFormat))
	}
	return nil
}

// receiptKey returns the folder's own key; the first time it makes one.
func (f *folder) receiptKey() (chassis.Secret, error) {
	key, err := readSmall(f.in(keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		var random [32]byte
		_, _ = rand.Read(random[:]) // never fails
		key = hex.EncodeToString(random[:])
		err = writeWhole(f.in(keyFile), key+"\n", 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("receipt key of the data folder: %w", err)
	}
	return chassis.Secret(key), nil
}

// sizes are bytes on the disk.
type sizes struct{ log, sheets int64 }

func (f *folder) sizes() sizes {
	return sizes{log: sizeOf(f.in(kafkaDir)), sheets: sizeOf(f.in(sheetsDir))}
}

// sizeOf adds up the files below dir; what cannot be read counts as nothing.
func sizeOf(dir string) (total int64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil //nolint:nilerr // a file that vanishes while we look is no reason to stop
		}
		if info, err := entry.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	return total
}

// Close gives the lock free. The file stays: removing it would let two processes lock two files of that name.
func (f *folder) Close() error { return f.lock.Close() }

func readSmall(path string) (string, error) {
	file, err := os.Open(path) //nolint:gosec // a file of the operator's own folder
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxSmallFile))
	return strings.TrimSpace(string(text)), err
}

// writeWhole makes a file that is there in full or not at all, also after a power failure.
func writeWhole(path, text string, mode os.FileMode) error {
	temporary := path + ".new"
	file, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode) //nolint:gosec // as above
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = file.WriteString(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
