package supervisor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// pollInterval is how often a program's state is asked for while it is awaited.
const pollInterval = 20 * time.Millisecond

// await asks for the programs until judge is content with each, for as long as patience lasts, or the context
// of an undo. late makes the error of a program that is not there in time.
func (d *daemon) await(ctx context.Context, wanted []program, judge func(program) (bool, error), late func(program, lateness) error) error {
	begun := time.Now()
	var waiting *program
	for {
		all, err := d.programs(ctx)
		if err != nil {
			if d.patience == forever && waiting != nil && ctx.Err() != nil {
				return late(*waiting, d.lateness(begun))
			}
			return err
		}
		waiting = nil
		for _, want := range wanted {
			now, there := find(all, want.full())
			if !there {
				return fault.New(fault.Failed, "supervisor-bad-name", "%s is gone: another program removed its group", want.spec()).
					WithHint("see supervisord's own log")
			}
			done, err := judge(now)
			if err != nil {
				return err
			}
			if !done && waiting == nil {
				waiting = &now
			}
		}
		if waiting == nil {
			return nil
		}
		if time.Since(begun) > d.patience {
			return late(*waiting, d.lateness(begun))
		}
		if err := pause(ctx, pollInterval); err != nil && d.patience != forever {
			return err
		}
	}
}

// sayPatience tells the log how long the programs have from now on, where it is not the context that says so.
func (d *daemon) sayPatience(log *tasklog.Task) {
	if d.patience != forever {
		log.Limit("wait", d.patience)
	}
}

// lateness is how long a program was awaited, and what to raise to await it longer.
type lateness struct{ after, raise string }

func (d *daemon) lateness(begun time.Time) lateness {
	if d.patience == forever {
		return lateness{time.Since(begun).Round(time.Second).String(), "defaults.undo-timeout"}
	}
	return lateness{d.patience.String(), "wait"}
}

// start starts what does not run, and waits until all of it is RUNNING. It is not an error if some run
// already.
func (d *daemon) start(ctx context.Context, log *tasklog.Task, wanted []program) error {
	for _, p := range wanted {
		if err := d.launch(ctx, log, p); err != nil {
			return err
		}
	}
	d.sayPatience(log)
	return d.awaitRunning(ctx, wanted)
}

// launch starts one program and does not wait for it.
func (d *daemon) launch(ctx context.Context, log *tasklog.Task, p program) error {
	switch {
	case p.State.up():
		return nil
	case p.State == stopping:
		if err := d.awaitStopped(ctx, []program{p}); err != nil {
			return err
		}
	}
	_, err := d.call(ctx, "start "+p.spec(), "startProcess", p.full(), false)
	switch {
	case isFault(err, faultAlreadyStarted):
		return nil
	case isFault(err, faultSpawnError):
		all, askErr := d.programs(ctx)
		if now, there := find(all, p.full()); askErr == nil && there && now.spawnError != "" {
			return fault.New(fault.Failed, "supervisor-spawn-error", "%s cannot be started: %s%s", p.spec(), now.spawnError, d.lastLines(ctx, p)).
				WithHint("see the program's command, user and directory")
		}
		return err
	case err != nil:
		return err
	}
	log.Info("started " + p.spec())
	return nil
}

// awaitRunning waits until the programs are RUNNING. While supervisord itself tries again (BACKOFF) it is
// left to it.
func (d *daemon) awaitRunning(ctx context.Context, wanted []program) error {
	return d.await(ctx, wanted, func(p program) (bool, error) {
		switch p.State {
		case running:
			return true, nil
		case starting, backoff, stopped:
			return false, nil
		case exited:
			return false, fault.New(fault.Failed, "supervisor-exited", "%s does not run: it ended with exit status %d%s", p.spec(), p.exitStatus, d.lastLines(ctx, p)).
				WithHint("see its log: supervisorctl tail %s", p.spec())
		case fatal:
			return false, fault.New(fault.Failed, "supervisor-fatal", "%s does not run: it is FATAL (%s)%s", p.spec(), p.spawnError, d.lastLines(ctx, p)).
				WithHint("supervisord stopped restarting it; see its log: supervisorctl tail %s", p.spec())
		case stopping:
			return false, fault.New(fault.Failed, "supervisor-stopped", "%s does not run: another program stops it", p.spec()).
				WithHint("see supervisord's own log")
		}
		return false, fault.New(fault.Failed, "supervisor-unknown", "%s is in the state %s", p.spec(), p.stateName).WithHint("see supervisord's own log")
	}, func(p program, late lateness) error {
		why := ""
		if p.spawnError != "" {
			why = " (" + p.spawnError + ")"
		}
		return fault.New(fault.Failed, "supervisor-start-timeout", "%s is %s%s after %s, not RUNNING%s", p.spec(), p.stateName, why, late.after, d.lastLines(ctx, p)).
			WithHint("see its log, or raise %s: it must be longer than the program's startsecs", late.raise)
	})
}

// stop stops what runs, and waits until all of it is down. It is not an error if some is down already.
func (d *daemon) stop(ctx context.Context, log *tasklog.Task, wanted []program) error {
	if err := d.spare(wanted); err != nil {
		return err
	}
	for _, p := range wanted {
		if !p.State.up() {
			continue
		}
		_, err := d.call(ctx, "stop "+p.spec(), "stopProcess", p.full(), false)
		if err != nil && !isFault(err, faultNotRunning) {
			return err
		}
		log.Info("stopped " + p.spec())
	}
	d.sayPatience(log)
	return d.awaitStopped(ctx, wanted)
}

func (d *daemon) awaitStopped(ctx context.Context, wanted []program) error {
	return d.await(ctx, wanted, func(p program) (bool, error) {
		return p.State.down(), nil
	}, func(p program, late lateness) error {
		return fault.New(fault.Failed, "supervisor-stop-timeout", "%s is %s after %s, not stopped", p.spec(), p.stateName, late.after).
			WithHint("raise %s: it must be longer than the program's stopwaitsecs, after which supervisord kills it", late.raise)
	})
}

const (
	// tailBytes is how much of a program's log is looked at, tailLines how many lines of it are shown.
	tailBytes = 2000
	tailLines = 5
)

// lastLines gives the end of what a program wrote to its standard error, or else to its standard output, for
// an error; "" where there is nothing.
func (d *daemon) lastLines(ctx context.Context, p program) string {
	for _, method := range []string{"readProcessStderrLog", "readProcessStdoutLog"} {
		// A missing log is not a reason for another error: the one that is being told counts.
		answer, err := d.once(ctx, "read the log", method, p.full(), -tailBytes, 0)
		text, _ := answer.(string)
		if err != nil {
			continue
		}
		var lines []string
		for line := range strings.SplitSeq(text, "\n") {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
		if len(lines) > 0 {
			return fmt.Sprintf("; its last lines: %s", strings.Join(lines[max(0, len(lines)-tailLines):], " | "))
		}
	}
	return ""
}
