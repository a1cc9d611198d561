package engine

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

const (
	// oneReport bounds what one step takes to tell what runs, and allReports what all do.
	oneReport  = 3 * time.Second
	allReports = 10 * time.Second
	// settling is how long a program that was told of an undo may take to answer again, and askLate how often it is asked.
	settling = 10 * time.Second
	askLate  = 500 * time.Millisecond
)

// watchRecord is a step that can tell what runs. The list of them lies beside the journal of an ended run, for `gwe status`: it
// needs neither the recipe nor a secret.
type watchRecord struct {
	Type      string                     `json:"type"`
	Arguments map[string]json.RawMessage `json:"arguments"`
	// Check is how people call a step that the recipe calls effects: none, and that is tried for its answer; "" for others.
	Check string `json:"check,omitempty"`
}

// watches lists the steps of the recipe that can tell what runs, in its order. A step that acted is asked with the arguments that it
// acted with; one that did not come to that, with those that can be evaluated.
func (x *runner) watches() []watchRecord {
	watched := []watchRecord{}
	changed := false
	x.eachLeaf(x.program.Steps, func(n *program.Node) {
		changed = changed || n.Changes()
		reporter, ok := n.StepType().(step.ReporterType)
		check := ok && changed && reporter.Checks() && n.Step.EffectsNone != nil && !n.IsRead() && !n.MayFail() && !x.diedBefore(n)
		looks := ok && len(n.StepType().About().Effects) == 0
		if !ok || !check && !reporter.Reports() || looks && n.MayFail() {
			return
		}
		acted := false
		for _, f := range x.state.frames {
			if f.node == n && f.Part == "" {
				acted = true
				watched = x.addWatch(watched, n, f.Rounds, f.arguments, check)
			}
		}
		if acted {
			return
		}
		names := x.state.names(n, nil, false)
		if n.When != nil {
			if answer, err := n.When.Evaluate(names); err == nil && answer == false {
				return
			}
		}
		arguments := map[string]any{}
		for _, argument := range n.Arguments() {
			if v, err := argument.Value.Evaluate(names); err == nil {
				arguments[argument.Name] = v
			}
		}
		watched = x.addWatch(watched, n, nil, arguments, check)
	})
	return watched
}

// addWatch adds a step. A check is left out where an argument of it is secret, or not known: its answer would be another one.
func (x *runner) addWatch(watched []watchRecord, n *program.Node, r runstate.Rounds, arguments map[string]any, check bool) []watchRecord {
	told := n.WithoutSecrets(arguments)
	encoded, err := program.EncodeObject(n.StepType().Arguments(), told)
	if err != nil {
		return watched
	}
	one := watchRecord{Type: n.StepType().About().Name, Arguments: encoded}
	if check {
		for _, argument := range n.Arguments() {
			if _, known := told[argument.Name]; !known {
				return watched
			}
		}
		one.Check = x.named(n, r).Title()
		if one.Check == one.Type {
			one.Check += checked(told)
		}
	}
	return append(watched, one)
}

// checked is what a check runs, for one that has neither a name nor an id.
func checked(arguments map[string]any) string {
	for _, name := range []string{"argv", "script"} {
		switch what := arguments[name].(type) {
		case []any:
			words := make([]string, len(what))
			for i, word := range what {
				words[i] = value.Text(word)
			}
			return " " + runstate.Limited(strings.Join(strings.Fields(strings.Join(words, " ")), " "), runstate.NameRunes)
		case string:
			first, _, _ := strings.Cut(strings.TrimSpace(what), "\n")
			if first != "" {
				return " " + runstate.Limited(strings.Join(strings.Fields(first), " "), runstate.NameRunes)
			}
		}
	}
	return ""
}

// diedBefore reports whether gwe died before the step had ended, of a run that a recovery brought to its end: what a program did to gwe, or to the
// machine, it is not asked to do again.
func (x *runner) diedBefore(n *program.Node) bool {
	failure := x.state.Failure
	return failure != nil && failure.Code == "run-died" && !x.state.settled[n.Path()]
}

// eachLeaf goes over the steps of the way forward.
func (x *runner) eachLeaf(nodes []*program.Node, visit func(*program.Node)) {
	for _, n := range nodes {
		if n.Leaf() != nil {
			visit(n)
		} else if made := n.Composed(); made != nil {
			steps, _ := made.Inner()
			x.eachLeaf(steps, visit)
		}
	}
}

// noteWatches keeps how `gwe status` finds out what runs, and asks now. Early in a boot nothing is asked: services are not there.
func (x *runner) noteWatches(ctx context.Context) []step.Report {
	watched := x.watches()
	if text, err := json.Marshal(watched); err == nil && len(watched) > 0 {
		_ = durable.WriteNote(x.folder.Reports(), append(text, '\n'))
	}
	if x.config.Early {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	told := x.config.report(ctx, watched)
	// What an undo restarts just now is not ill.
	waited := slices.DeleteFunc(watched, func(one watchRecord) bool { return one.Check != "" }) // no program is run again for that
	for begun := time.Now(); x.state.ranUndoLast() && time.Since(begun) < settling; {
		again := x.config.report(ctx, waited)
		for _, one := range again {
			for i := range told {
				if told[i].Kind == one.Kind && told[i].Name == one.Name {
					told[i] = one
				}
			}
		}
		if !anyFailed(again) {
			break
		}
		time.Sleep(askLate)
	}
	return told
}

// anyFailed reports whether a check does not hold.
func anyFailed(told []step.Report) bool {
	return slices.ContainsFunc(told, func(one step.Report) bool { return one.Kind == step.ReportHealth && !one.Good })
}

// ranUndoLast reports whether programs were told that a change was undone, in this run or in its rollback.
func (h *runState) ranUndoLast() bool {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	return h.Failure != nil && !h.broken() && h.anyFrame(func(f *frame) bool {
		_, last := f.owes()
		return f.Undone && last
	})
}

// report asks what runs. Of two answers about one thing the later counts.
func (c config) report(ctx context.Context, watched []watchRecord) []step.Report {
	ctx, cancel := context.WithTimeout(ctx, allReports)
	defer cancel()
	var all []step.Report
	for _, one := range watched {
		stepType, ok := c.Catalog.Find(one.Type)
		if !ok {
			continue
		}
		reporter, ok := stepType.(step.ReporterType)
		arguments, err := program.DecodeObject(stepType.Arguments(), one.Arguments)
		if !ok || err != nil {
			continue
		}
		bounded, done := context.WithTimeout(ctx, oneReport)
		var told []step.Report
		if one.Check == "" {
			told = reporter.Report(bounded, c.Machine, arguments)
		} else {
			told = reporter.Check(bounded, c.checkOf(one), arguments)
		}
		done()
		for _, report := range told {
			all = slices.DeleteFunc(all, func(other step.Report) bool { return other.Kind == report.Kind && other.Name == report.Name })
			all = append(all, report)
		}
	}
	return all
}

// checkOf is what a check gets to work with. It belongs to no run.
func (c config) checkOf(one watchRecord) *step.Run {
	return &step.Run{
		Step: one.Check, Machine: c.Machine, Started: func(int) {},
		Environment: []string{"GWE_AFTER_COMMIT=0", "GWE_RUN_ID=", "GWE_STEP=" + one.Check, "GWE_RECOVERING=0", "GWE_EARLY=0"},
	}
}
