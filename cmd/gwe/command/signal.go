package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gwe-project/gwe/engine"
)

// echo is how long after a signal the same one says nothing new. People are slower.
const echo = 100 * time.Millisecond

// untilSignal is a context that SIGINT, SIGTERM, SIGQUIT or SIGHUP ends: the run is then rolled back in an
// orderly way. A second one ends the process at once; the journal lets recovery finish. An echo does not:
// timeout(1) sends its signal to the process and to the process's group. Nor does any second SIGHUP: when a
// terminal goes, both the shell and the kernel send one. What the caller ignores, as nohup does, stays
// ignored. The returned function must be called in the end. engine.CancelSignal, which `gwe cancel` sends, is
// a first SIGTERM however often it comes.
//
// SIGPIPE ends nothing, or `gwe run | head` would kill a run half-way: writing to a closed pipe is an error
// like others.
func untilSignal(parent context.Context, stderr io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	for _, one := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP} {
		if !signal.Ignored(one) {
			signal.Notify(signals, one)
		}
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, engine.CancelSignal)
	// Notified, not ignored: programs that a recipe starts would inherit that.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var first os.Signal
		var came time.Time
		select {
		case <-done:
			return
		case <-asked:
			fmt.Fprintln(stderr, "gwe: cancelled: stopping in an orderly way")
			cancel(&engine.Stopped{Signal: syscall.SIGTERM})
		case first = <-signals:
			came = time.Now()
			fmt.Fprintf(stderr, "gwe: %v: stopping in an orderly way; once more stops at once\n", first)
			cancel(&engine.Stopped{Signal: first.(syscall.Signal)})
		}
		for {
			select {
			case <-done:
				return
			case second := <-signals:
				if second == syscall.SIGHUP || second == first && time.Since(came) < echo {
					continue
				}
				fmt.Fprintln(stderr, "gwe: stopped at once; `gwe recover` finishes what is left, as does the next `gwe run`")
				os.Exit(engine.ExitSignal + int(second.(syscall.Signal)))
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		signal.Stop(broken)
		signal.Stop(asked)
		close(done)
		<-ended
		cancel(nil)
	}
}
