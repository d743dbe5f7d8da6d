package buffer

import (
	"context"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/common.lua
var luaCommon string

//go:embed lua/add.lua
var luaAdd string

//go:embed lua/plan.lua
var luaPlan string

//go:embed lua/release.lua
var luaRelease string

// script is one Lua script and the name that Redis gives it.
type script struct{ source, sha string }

func newScript(own string) script {
	source := luaCommon + "\n" + own
	sum := sha1.Sum([]byte(source))
	return script{source, hex.EncodeToString(sum[:])}
}

// call returns the command's arguments, with room for more behind the keys.
func (s script) call(keys []string, more int) []any {
	args := make([]any, 0, 3+len(keys)+more)
	args = append(args, "evalsha", s.sha, len(keys))
	for _, key := range keys {
		args = append(args, key)
	}
	return args
}

// run makes all calls in one round trip. Those whose server does not have the script yet are made once more with the
// script's text, which also loads it: this needs no knowledge of which of a cluster's servers that was.
func run[C redis.Cmder](ctx context.Context, rdb redis.UniversalClient, s script, calls [][]any, command func(context.Context, ...any) C) []C {
	cmds := make([]C, len(calls))
	send := func(which []int) {
		pipe := rdb.Pipeline()
		for _, i := range which {
			cmds[i] = command(ctx, calls[i]...)
			_ = pipe.Process(ctx, cmds[i])
		}
		_, _ = pipe.Exec(ctx) // each command has its own error
	}
	which := make([]int, len(calls))
	for i := range which {
		which[i] = i
	}
	send(which)
	which = which[:0]
	for i, cmd := range cmds {
		if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
			calls[i][0], calls[i][1] = "eval", s.source
			which = append(which, i)
		}
	}
	if len(which) > 0 {
		send(which)
	}
	return cmds
}
