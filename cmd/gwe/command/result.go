package command

import (
	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
)

// resultLine is the last line of a run in JSON. A run that did not end well says why: code, error and hint are those of
// its first error. outputs is nil for a run that has none to hand out.
func resultLine(result engine.Result) map[string]any {
	line := map[string]any{
		"kind": "result", "run": result.Run, "status": result.Status, "exit": result.ExitCode(), "waits": result.Waits,
	}
	if len(result.Kept) > 0 {
		line["kept"] = result.Kept
	}
	if len(result.Now) > 0 {
		line["now"] = result.Now
	}
	if result.Err == nil {
		return line
	}
	line["error"] = result.Err.Error()
	if found := fault.As(result.Err); found != nil {
		line["code"] = found.Code
		if found.Hint != "" {
			line["hint"] = found.Hint
		}
	}
	return line
}
