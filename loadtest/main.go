// Command loadtest loads Formstream, or any other server of forms, and says what came of it. Its subcommands:
//
//	burst    many users at once; every accepted submission is counted in the spreadsheet
//	intake   what an accepted submission costs form-api, beside the barest servers
//
// The servers that figures are held against, and the trial of the delivery protocol, are programs of their own:
// loadtest/baseline and loadtest/simulate.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/formstream/formstream/loadtest/burst"
	"github.com/formstream/formstream/loadtest/intake"
)

const usage = `Usage: loadtest burst|intake [flags]

  burst    many users at once: latencies, answers, and every accepted submission counted in the spreadsheet
  intake   what an accepted submission costs form-api, beside the barest servers: CPU, allocations, latency

loadtest burst -help and loadtest intake -help list their flags. Beside them:

  go run ./loadtest/baseline   the least servers that could take submissions, to hold figures against
  go run ./loadtest/simulate   crashes by the thousand against the rules of exactly-once delivery
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, lookup func(string) (string, bool), stdout, stderr io.Writer) int {
	switch {
	case len(args) == 0:
		fmt.Fprint(stderr, usage)
		return 2
	case args[0] == "burst":
		return burst.Run(ctx, args[1:], lookup, stdout, stderr)
	case args[0] == "intake":
		return intake.Run(ctx, args[1:], stdout, stderr)
	case args[0] == "help" || args[0] == "-h" || args[0] == "-help" || args[0] == "--help":
		fmt.Fprint(stdout, usage)
		return 0
	}
	fmt.Fprintf(stderr, "loadtest: there is no subcommand %q: use burst or intake; loadtest help lists what there is\n", args[0])
	return 2
}
