package engine

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// tellsApart tells whether a condition tells the new system from the one that the run started in: it did not hold there. The run's
// names are those of its start.
func (c *condition) tellsApart(start map[string]any) bool {
	if c == nil {
		return false
	}
	held, err := c.Evaluate(start)
	return err == nil && held == false
}

// checkReturn judges the reboot into the system of before. Where expect tells the systems apart, the machine is there when
// expect does not hold, and when all that expect reads of the host and the facts is as at the start of the run. What is not so
// yet may still come about; that expect holds means the new system.
func (j *judgement) checkReturn(ctx context.Context, expect *condition) {
	if !j.booted() {
		return
	}
	j.decision = goOn
	start := j.history.names(j.node, nil, false)
	if !expect.tellsApart(start) {
		return
	}
	now, err := j.present(ctx, expect)
	if err == nil {
		var holds any
		if holds, err = expect.Evaluate(now); err == nil && holds == true {
			j.failed("return-fell-forward", "the machine rebooted, and came back in the new system: %s", expect.source)
			return
		}
	}
	changed := expect.changed(start, now)
	if err == nil && changed == "" {
		return
	}
	j.decision = waitOn
	s := j.suspension
	switch {
	case j.late():
		j.failed("return-elsewhere", "the machine rebooted, and within %s it was not in the system of before%s", value.DurationOf(s.Within), changed)
	case j.waited.Boots >= s.Boots:
		j.rollBack("return-elsewhere", "the machine booted %d times, and was not in the system of before%s", j.waited.Boots, changed)
	}
	j.because(err)
}

// changed says what of the host and the facts that the condition reads is not as at the start; "" where all is.
func (c *condition) changed(start, now map[string]any) string {
	var differs []string
	for _, read := range c.References() {
		if read.Path[0] != "facts" && read.Path[0] != "host" {
			continue
		}
		was, is := at(start, read.Path), at(now, read.Path)
		if !reflect.DeepEqual(was, is) {
			differs = append(differs, fmt.Sprintf("%s is %s, and was %s", strings.Join(read.Path, "."), value.Text(is), value.Text(was)))
		}
	}
	if len(differs) == 0 {
		return ""
	}
	return ": " + strings.Join(differs, "; ")
}

// at follows a path into names; nil where it leads nowhere.
func at(names map[string]any, path []string) any {
	var found any = names
	for _, name := range path {
		object, ok := found.(map[string]any)
		if !ok {
			return nil
		}
		found = object[name]
	}
	return found
}

// left tells whether a machine that a run brought into a new system runs another one by now. An error means that nobody can
// tell.
func (e *Engine) left(ctx context.Context, h *runState) (bool, error) {
	n := h.program.byPath[h.Rebooted.Step]
	if n == nil || as[*waiting](n) == nil {
		return false, fault.New(fault.Errored, "journal-unreadable", "run %s rebooted at a step that its frozen recipe does not have", h.Begin.Run)
	}
	expect := h.expected()
	if !expect.tellsApart(h.names(n, nil, false)) {
		return false, nil
	}
	j := judgement{engine: e, history: h, node: n}
	holds, err := j.asks(ctx, expect)
	return !holds, err
}

// expected is what tells the system into which the run rebooted the machine; nil where the recipe does not say.
func (h *runState) expected() *condition {
	return as[*waiting](h.program.byPath[h.Rebooted.Step]).expect
}
