package kafkatest

import "go.uber.org/goleak"

// Leftovers are goroutines that Sarama's libraries leave behind: for goleak.VerifyTestMain. The first one ticks for all
// meters of the process, the second one ends 10 s after a circuit breaker opened.
func Leftovers() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
		goleak.IgnoreAnyFunction("github.com/eapache/go-resiliency/breaker.(*Breaker).timer"),
	}
}
