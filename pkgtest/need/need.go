// Package need says what becomes of a test whose server cannot be had.
package need

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkgtest/servers"
)

// Started goes on if err is nil. Where the server cannot be had on this machine, it skips the test with the remedy, and
// fails it where everything must run (CI=true). Any other error fails it.
func Started(t testing.TB, err error) {
	t.Helper()
	var missing *servers.MissingError
	if errors.As(err, &missing) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	require.NoError(t, err)
}
