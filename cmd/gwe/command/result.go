package command

import (
	"encoding/json"
	"io"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
)

// writeResult writes how a run ended, on a line of its own.
func writeResult(out io.Writer, line engine.ResultLine) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(line)
}

// tellFailure ends JSON with a result line where no run began or continued: the error itself is shown as for
// people, too.
func tellFailure(console *console, err error) {
	if err == nil || console.global.output != "json" {
		return
	}
	line := engine.ResultLine{Exit: exitCode(err)}.Because(err)
	if found := fault.As(err); found != nil && found.Class == fault.Refused {
		line.Status = engine.StatusRefused
	}
	console.unseen(writeResult(console.stdout, line))
}
