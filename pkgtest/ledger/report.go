package ledger

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Report prints a line that `make test` shows at its end: go test hides what a passing test prints.
func Report(t testing.TB, format string, args ...any) {
	t.Helper()
	line := fmt.Sprintf(format, args...) + "\n"
	fmt.Print(line)
	path, ok := os.LookupEnv("FORMSTREAM_TEST_REPORT")
	if !ok {
		return
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // named by whoever runs the tests
	require.NoError(t, err)
	_, err = file.WriteString(line)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

// Seed returns FORMSTREAM_TEST_SEED, or else one from the clock. A test that uses it prints it.
func Seed(t testing.TB) int64 {
	t.Helper()
	text, ok := os.LookupEnv("FORMSTREAM_TEST_SEED")
	if !ok {
		return time.Now().UnixNano() % 1_000_000
	}
	seed, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err, "FORMSTREAM_TEST_SEED")
	return seed
}
