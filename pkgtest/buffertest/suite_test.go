package buffertest_test

import (
	"testing"

	"github.com/formstream/formstream/pkgtest/buffertest"
	"github.com/formstream/formstream/pkgtest/redistest"
)

func TestTwin(t *testing.T) { buffertest.Run(t, buffertest.NewTwinSubject) }

func TestStore_inProcess(t *testing.T) {
	_, rdb := redistest.Mini(t)
	buffertest.Run(t, buffertest.NewRedisSetup(rdb))
}

func TestStore_onRedis(t *testing.T) {
	buffertest.Run(t, buffertest.NewRedisSetup(redistest.Real(t)))
}

func TestStore_onACluster(t *testing.T) {
	buffertest.Run(t, buffertest.NewRedisSetup(redistest.Cluster(t)))
}

func TestStore_behindSentinels(t *testing.T) {
	_, rdb := redistest.Sentinel(t)
	buffertest.Run(t, buffertest.NewRedisSetup(rdb))
}
