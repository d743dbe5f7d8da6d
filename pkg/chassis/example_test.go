package chassis_test

import (
	"context"
	"fmt"
	"os"

	"github.com/formstream/formstream/pkg/chassis"
)

// A service's main is this, with os.Args[1:] and os.LookupEnv, inside os.Exit.
func ExampleRun() {
	cfg := &demoConfig{}
	args := []string{"-brokers", "kafka-1:9092,kafka-2:9092", "-deadline", "5s"}
	code := chassis.Run(context.Background(), "demo", args, os.LookupEnv, os.Stdout, os.Stderr, cfg,
		func(_ context.Context, deps chassis.Deps) error {
			_, err := fmt.Fprintln(deps.Stdout, cfg.Kafka.Brokers, cfg.Deadline)
			return err
		})
	fmt.Println("exit", code)
	// Output:
	// [kafka-1:9092 kafka-2:9092] 5s
	// exit 0
}

// Load fills a configuration without running anything.
func ExampleLoad() {
	var cfg demoConfig
	err := chassis.Load(&cfg, []string{"-http", "3000"}, func(string) (string, bool) { return "", false })
	fmt.Println(err)
	// Output:
	// -http "3000" (flag): must be host:port, such as 127.0.0.1:3000 or :3000
	// -brokers: is not set; give the Kafka brokers as host:port[,host:port]
}
