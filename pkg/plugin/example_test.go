package plugin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/formstream/formstream/pkg/chassis"
	"github.com/formstream/formstream/pkg/plugin"
	"github.com/formstream/formstream/pkg/submission"
)

// count is a whole plug-in: it tells how many words an answer has.
func count(_ context.Context, s submission.Submission) ([]plugin.Event, error) {
	var answers struct{ Message string }
	if err := json.Unmarshal(s.Data, &answers); err != nil {
		return nil, plugin.Permanent(errors.New("message is not a text"))
	}
	return []plugin.Event{{Type: "example.words.v1", Data: map[string]int{"words": len(strings.Fields(answers.Message))}}}, nil
}

// A plug-in's main is os.Exit(plugin.Main("word-counter", &plugin.Config{}, newHandler)). Here the command line asks for a
// check of the configuration only.
func Example() {
	newHandler := func(chassis.Deps) (plugin.Handler, error) { return count, nil }
	none := func(string) (string, bool) { return "", false }
	code := plugin.Run(context.Background(), "word-counter", []string{"-brokers=kafka:9092", "-config-verify"}, none,
		os.Stdout, os.Stderr, &plugin.Config{}, newHandler)
	fmt.Println("exit", code)
	// Output:
	// word-counter: the configuration is valid
	// exit 0
}

// A handler is a function: a test calls it.
func ExampleHandler() {
	var handler plugin.Handler = count
	events, err := handler(context.Background(), submission.Submission{ID: "1", Form: "demo", Data: []byte(`{"message":"as you like it"}`)})
	fmt.Println(events, err)
	_, err = handler(context.Background(), submission.Submission{ID: "2", Form: "demo", Data: []byte(`{"message":4}`)})
	fmt.Println(err)
	// Output:
	// [{example.words.v1 map[words:4]}] <nil>
	// message is not a text
}
