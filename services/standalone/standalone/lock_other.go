//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package standalone

import "os"

// lock leaves it to the emulator's SQLite file, which every system locks, to keep a second process out.
func lock(*os.File) error { return nil }
