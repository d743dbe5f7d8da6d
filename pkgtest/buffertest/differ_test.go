package buffertest_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkgtest/buffertest"
	"github.com/formstream/formstream/pkgtest/redistest"
)

// number reads a whole number from the environment.
func number(t testing.TB, name string, otherwise uint64) uint64 {
	text, ok := os.LookupEnv(name)
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, name)
	return n
}

// differ plays histories on Twin and Store. SEED repeats a run, HISTORIES makes it longer.
func differ(t *testing.T, rdb redis.UniversalClient, histories uint64, steps int) {
	seed := number(t, "SEED", uint64(time.Now().UnixNano()))
	histories = number(t, "HISTORIES", histories)
	t.Logf("SEED=%d HISTORIES=%d, %d steps each", seed, histories, steps)
	setup, met := buffertest.NewRedisSetup(rdb), map[string]int{}
	for i := range histories {
		twin, store := buffertest.NewTwinSubject(t, buffertest.HistoryLimits()), setup(t, buffertest.HistoryLimits())
		for what, n := range buffertest.Differ(t, seed+i, steps, twin, store) {
			met[what] += n
		}
		store.Faults.Empty()
	}
	t.Log(met)
	for _, what := range []string{"add OK", "add GAP", "add FULL", "add TOPIC", "plan OK", "plan NOTHING", "plan STALE", "plan BOOKS", "plan TOPIC", "fresh", "dropped", "repeats", "roll back", "empty"} {
		require.Positive(t, met[what], "no history met it: %s", what)
	}
}

func TestDiffer_twinAndStoreInProcess(t *testing.T) {
	_, rdb := redistest.Mini(t)
	differ(t, rdb, 100, 40)
}

func TestDiffer_twinAndStoreOnRedis(t *testing.T) {
	differ(t, redistest.Real(t), 60, 100)
}
