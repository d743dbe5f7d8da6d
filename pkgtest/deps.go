// Package pkgtest holds the real and in-process parts that tests of this
// repository run on; each lives in a folder of its own.
package pkgtest

// The imports keep the versions of the parts pinned in go.mod.
import (
	_ "github.com/IBM/sarama"
	_ "github.com/alicebob/miniredis/v2"
	_ "github.com/redis/go-redis/v9"
	_ "github.com/stretchr/testify/require"
	_ "github.com/twmb/franz-go/pkg/kfake"
	_ "github.com/twmb/franz-go/pkg/kgo"
	_ "github.com/twmb/franz-go/pkg/kmsg"
	_ "go.uber.org/goleak"
)
