// Package servers starts real servers on free loopback ports: Kafka brokers, Redis, Sentinels. It needs no test around
// it, so that `make suite` runs on the same ones; kafkatest and redistest hand them to tests.
//
//	server            comes from
//	Kafka 4.3.1       Maven artifacts, fetched once into the user's cache; needs java (17 or later) and mvn
//	Redis, Sentinel   redis-server and redis-sentinel on the PATH
//
// A server that cannot be had is a [*MissingError], which names what to install. Every server ends with the process that
// started it (package process), keeps what it writes in a folder that its starter names, and listens on 127.0.0.1 only.
package servers

import (
	"errors"
	"fmt"
	"net"
)

// MissingError says that a server cannot be had on this machine.
type MissingError struct {
	Server string
	Remedy string
	Err    error // nil if a program is not there
}

func (e *MissingError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s cannot be had: %v; %s", e.Server, e.Err, e.Remedy)
	}
	return fmt.Sprintf("%s cannot be had: %s", e.Server, e.Remedy)
}

// Unwrap returns the cause.
func (e *MissingError) Unwrap() error { return e.Err }

// attempts is how often a server is started: between our look at a free port and the server's, another may take it.
const attempts = 3

// FreePorts finds n ports that nobody listens on.
func FreePorts(n int) (ports []int, err error) {
	for range n {
		l, listenErr := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // answers at once
		if listenErr != nil {
			return nil, errors.Join(fmt.Errorf("find a free port: %w", listenErr), err)
		}
		defer func() { err = errors.Join(err, l.Close()) }() // all at the end, so that no port comes twice
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)  //nolint:forcetypeassert // tcp
	}
	return ports, nil
}
