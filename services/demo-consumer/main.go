// Command demo-consumer is the plug-in to copy: it judges the language of each submission by a list of words and produces
// its verdict to the topic processed.{form}.
//
//	demo-consumer -brokers kafka:9092 -forms ./forms
package main

import (
	"os"

	"github.com/formstream/formstream/pkg/plugin"
	"github.com/formstream/formstream/services/demo-consumer/democonsumer"
)

func main() {
	cfg := &democonsumer.Config{}
	os.Exit(plugin.Main(democonsumer.Name, cfg, cfg.Handler))
}
