package simulation

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// schedules are enough to see every rule bite, in a few seconds. `make simulate` tries as many as you like.
const schedules = 600

func TestRun_allRulesOn_nothingLostDoubledOrStuck(t *testing.T) {
	r, err := Run(Options{Schedules: schedules, Seed: 20261121})
	require.NoError(t, err)
	require.Empty(t, r.Bad)
	require.Equal(t, schedules, r.Schedules)
	require.Positive(t, r.Rows)
	t.Log(r)
}

func TestRun_aRuleOff_isCaughtInItsWorld(t *testing.T) {
	for _, c := range Cases() {
		t.Run(string(c.Rule), func(t *testing.T) {
			r, err := Run(Options{Schedules: schedules, Seed: 1, Kinds: []Kind{c.Kind}, Off: []Rule{c.Rule}, UntilBad: true})
			require.NoError(t, err)
			require.NotEmpty(t, r.Bad, "%d schedules of the %s world did not notice", r.Schedules, c.Kind)
		})
	}
}

func TestRun_sameSeed_sameSchedules(t *testing.T) {
	one, err := Run(Options{Schedules: 40, Seed: 7})
	require.NoError(t, err)
	two, err := Run(Options{Schedules: 40, Seed: 7})
	require.NoError(t, err)
	require.Equal(t, one, two)
	other, err := Run(Options{Schedules: 40, Seed: 8})
	require.NoError(t, err)
	require.NotEqual(t, one.Steps, other.Steps)
}

func TestRun_first_playsOneScheduleAgain(t *testing.T) {
	all, err := Run(Options{Schedules: 200, Seed: 3, Kinds: []Kind{Ordinary}, Off: []Rule{Merge}})
	require.NoError(t, err)
	require.NotEmpty(t, all.Bad)
	again, err := Run(Options{Schedules: 1, First: all.Bad[0].Schedule, Seed: 3, Kinds: []Kind{Ordinary}, Off: []Rule{Merge}})
	require.NoError(t, err)
	require.Equal(t, all.Bad[0], again.Bad[0])
}
