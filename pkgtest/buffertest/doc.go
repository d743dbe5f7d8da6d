// Package buffertest holds what tests need of pkg/buffer: Twin, an exact copy of its scripts in Go, and the conformance
// suite that every implementation must pass.
package buffertest
