//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package standalone

import (
	"os"
	"syscall"
)

// lock takes the file for this process until it is closed; the kernel gives it back when the process dies.
func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
