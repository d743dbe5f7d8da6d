package buffer_test

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/formstream/formstream/pkg/buffer"
	"github.com/formstream/formstream/pkg/chassis"
)

func TestDial_oneServer_isBoundedAndUsesWhatIsConfigured(t *testing.T) {
	rdb, err := buffer.Dial(chassis.Redis{Addrs: []string{"redis:6379"}, User: "u", Password: "p", DB: 3, TLS: chassis.TLS{Enabled: true}})
	require.NoError(t, err)
	defer func() { require.NoError(t, rdb.Close()) }()
	opts := rdb.(*redis.Client).Options()
	require.Equal(t, []any{"redis:6379", "u", "p", 3}, []any{opts.Addr, opts.Username, opts.Password, opts.DB})
	require.NotNil(t, opts.TLSConfig)
	require.Positive(t, opts.DialTimeout)
	require.Positive(t, opts.ReadTimeout)
	require.Positive(t, opts.WriteTimeout)
	require.Positive(t, opts.PoolSize)
	require.True(t, opts.ContextTimeoutEnabled)
}

func TestDial_sentinels_asksThemForTheMaster(t *testing.T) {
	rdb, err := buffer.Dial(chassis.Redis{Addrs: []string{"a:26379", "b:26379"}, Sentinel: chassis.Sentinel{Master: "main"}})
	require.NoError(t, err)
	defer func() { require.NoError(t, rdb.Close()) }()
	require.Equal(t, "FailoverClient", rdb.(*redis.Client).Options().Addr)
}

func TestDial_wrong_isAnErrorThatNamesTheFlagOrTheFile(t *testing.T) {
	_, err := buffer.Dial(chassis.Redis{})
	require.ErrorContains(t, err, "-redis")
	_, err = buffer.Dial(chassis.Redis{Addrs: []string{"redis:6379"}, TLS: chassis.TLS{Enabled: true, CA: "/nowhere/ca.pem"}})
	require.ErrorContains(t, err, "/nowhere/ca.pem")
}
