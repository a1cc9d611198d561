package run

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// usualTakeOver is how long the other gwe may take where the recipe says nothing.
const usualTakeOver = time.Minute

// handoff ends this process's own work on the run.
type handoff struct{ To runstate.HandedOverRecord }

func (l *handoff) Error() string { return "handing over to " + l.To.To() }

// HandingOff reports whether an error is a change of hands.
func HandingOff(err error) *handoff {
	var departs *handoff
	if errors.As(err, &departs) {
		return departs
	}
	return nil
}

// HandOver asks the other gwe whether it can continue the run, and journals that it is to. Its error is a
// handoff where all went well.
func (x *Runner) HandOver(ctx context.Context, n *program.Node, names map[string]any, task *tasklog.Task) error {
	record := runstate.HandedOverRecord{Step: n.Path(), ID: n.ID(), ShownRecord: x.shown(n, nil), Within: usualTakeOver}
	compiled, err := program.As[*program.HandOver](n).Program.Evaluate(names)
	if err != nil {
		return err
	}
	record.Program = compiled.(string)
	if program.As[*program.HandOver](n).Within != nil {
		if record.Within, err = program.Seconds(program.As[*program.HandOver](n).Within, names); err != nil {
			return err
		}
	}
	if !filepath.IsAbs(record.Program) {
		return fault.New(fault.Refused, "path-relative", "program: %q is not an absolute path", record.Program)
	}
	if record.Version, err = x.Config.AskSuccessor(ctx, x.Directory.ID(), record, task); err != nil {
		return err
	}
	record.Worked = x.worked()
	if err := x.Append(runstate.RecordHandedOver, record); err != nil {
		return err
	}
	if !x.Config.Pretend {
		return &handoff{record}
	}
	x.began = x.Config.Now().Since
	return x.Append(runstate.RecordTakenOver, runstate.TakenOverRecord{Step: record.Step, PID: os.Getpid(), Boot: x.Config.Now().Boot, Version: x.Config.Version})
}
