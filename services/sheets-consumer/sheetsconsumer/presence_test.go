package sheetsconsumer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPresence_rebalance_doesNotFlap(t *testing.T) {
	var p presence
	now := epoch
	require.ErrorIs(t, p.check(now), errNotJoined, "never joined")
	p.end(now)
	require.ErrorIs(t, p.check(now), errNotJoined, "a first attempt that failed")
	p.begin()
	require.NoError(t, p.check(now))
	p.end(now)
	require.NoError(t, p.check(now.Add(absentFor-1)), "a rebalance")
	p.begin()
	require.NoError(t, p.check(now.Add(2*absentFor)))
	p.end(now)
	p.end(now.Add(absentFor - 1))
	require.ErrorIs(t, p.check(now.Add(absentFor)), errNotJoined, "further attempts that fail do not make it any later")
	p.begin()
	require.NoError(t, p.check(now.Add(absentFor)))
	p.leave()
	require.ErrorIs(t, p.check(now), errNotJoined, "it has left")
	p.end(now)
	require.ErrorIs(t, p.check(now), errNotJoined)
}
