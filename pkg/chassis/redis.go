package chassis

import (
	"errors"
	"flag"
	"strings"
)

// Redis says where Redis is and how to talk to it.
type Redis struct {
	Addrs    []string // -redis: host:port of the server, or of every Sentinel
	User     string   // -redis-user: ACL user; "" is the default user
	Password Secret
	DB       int    // -redis-db: number of the database
	Prefix   string // -redis-prefix: what every key begins with; two suites may share a server by it
	TLS      TLS
	Sentinel Sentinel
}

// Sentinel says how to find the master behind Sentinels.
type Sentinel struct {
	Master   string // -redis-sentinel-master: its name there; "" is no Sentinel
	User     string
	Password Secret
}

const (
	maxRedisDB     = 15
	maxRedisPrefix = 64 // bytes; it is part of every key
)

func (r *Redis) registerFlags(fs *flag.FlagSet) {
	ListVar(fs, &r.Addrs, "redis", nil, "Redis server, or all its Sentinels, `host:port[,host:port]`")
	fs.StringVar(&r.User, "redis-user", "", "ACL `user`; the default user if empty")
	SecretVar(fs, &r.Password, "redis-password", "`password` of the user")
	fs.IntVar(&r.DB, "redis-db", 0, "`number` of the database")
	fs.StringVar(&r.Prefix, "redis-prefix", "formstream:", "`text` that every key begins with")
	r.TLS.registerFlags(fs, "redis", "Redis")
	fs.StringVar(&r.Sentinel.Master, "redis-sentinel-master", "", "`name` of the master that the Sentinels of -redis know; no Sentinel if empty")
	fs.StringVar(&r.Sentinel.User, "redis-sentinel-user", "", "ACL `user` of the Sentinels themselves")
	SecretVar(fs, &r.Sentinel.Password, "redis-sentinel-password", "`password` of the Sentinels themselves")
}

func (r *Redis) validate() error {
	errs := []error{
		checkServers("redis", r.Addrs, "redis:6379"),
		checkRange("redis-db", r.DB, 0, maxRedisDB),
		r.TLS.validate("redis"),
	}
	if r.Sentinel.Master == "" && len(r.Addrs) > 1 {
		errs = append(errs, Wrong("redis", strings.Join(r.Addrs, ","), "names several servers; name one, or the Sentinels together with -redis-sentinel-master"))
	}
	if r.Sentinel.Master == "" && (r.Sentinel.User != "" || r.Sentinel.Password != "") {
		errs = append(errs, Missing("redis-sentinel-master", "a Sentinel user or password is given; name the master that the Sentinels know"))
	}
	if r.User != "" && r.Password == "" {
		errs = append(errs, Missing("redis-password", "-redis-user needs it; -redis-password-file reads it from a file"))
	}
	if len(r.Prefix) > maxRedisPrefix || strings.ContainsAny(r.Prefix, "{} \t\r\n") {
		errs = append(errs, Wrong("redis-prefix", r.Prefix, "must be at most 64 bytes without blanks and braces"))
	}
	return errors.Join(errs...)
}
