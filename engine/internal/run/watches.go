package run

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
	// settling is how long a program that was told of an undo may take to answer again, and askLate how often
	// it is asked.
	settling = 10 * time.Second
	askLate  = 500 * time.Millisecond
)

// WatchRecord is a step that can tell what runs. The list of them lies beside the journal of an ended run,
// for `gwe status`: it needs neither the recipe nor a secret.
type WatchRecord struct {
	Type      string                     `json:"type"`
	Arguments map[string]json.RawMessage `json:"arguments"`
	// Check is how people call a step that the recipe calls effects: none, and that is tried for its answer;
	// "" for others.
	Check string `json:"check,omitempty"`
}

// watches lists the steps of the recipe that can tell what runs, in its order. A step that acted is asked
// with the arguments that it acted with; one that did not come to that, with those that can be evaluated.
func (x *Runner) watches() []WatchRecord {
	watched := []WatchRecord{}
	changed := false
	x.eachLeaf(x.Program.Steps, func(n *program.Node) {
		changed = changed || n.Changes()
		reporter, ok := n.StepType().(step.ReporterType)
		check := ok && changed && reporter.Checks() && n.Step.EffectsNone != nil && !n.IsRead() && !n.MayFail() && !x.diedBefore(n)
		looks := ok && len(n.StepType().About().Effects) == 0
		if !ok || !check && !reporter.Reports() || looks && n.MayFail() {
			return
		}
		acted := false
		for _, f := range x.State.Frames {
			if f.Node == n && f.Part == "" {
				acted = true
				watched = x.addWatch(watched, n, f.Rounds, f.Arguments, check)
			}
		}
		if acted {
			return
		}
		names := x.State.Names(n, nil, false)
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

// addWatch adds a step. A check is left out where an argument of it is secret, or not known: its answer would
// be another one.
func (x *Runner) addWatch(watched []WatchRecord, n *program.Node, r runstate.Rounds, arguments map[string]any, check bool) []WatchRecord {
	told := n.WithoutSecrets(arguments)
	encoded, err := program.EncodeObject(n.StepType().Arguments(), told)
	if err != nil {
		return watched
	}
	one := WatchRecord{Type: n.StepType().About().Name, Arguments: encoded}
	if check {
		for _, argument := range n.Arguments() {
			if _, known := told[argument.Name]; !known {
				return watched
			}
		}
		one.Check = x.Named(n, r).Title()
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

// diedBefore reports whether gwe died before the step had ended, of a run that a recovery brought to its end:
// what a program did to gwe, or to the machine, it is not asked to do again.
func (x *Runner) diedBefore(n *program.Node) bool {
	failure := x.State.Failure
	return failure != nil && failure.Code == "run-died" && !x.State.Settled[n.Path()]
}

// eachLeaf goes over the steps of the way forward.
func (x *Runner) eachLeaf(nodes []*program.Node, visit func(*program.Node)) {
	for _, n := range nodes {
		if n.Leaf() != nil {
			visit(n)
		} else if made := n.Composed(); made != nil {
			steps, _ := made.Inner()
			x.eachLeaf(steps, visit)
		}
	}
}

// noteWatches keeps how `gwe status` finds out what runs, and asks now. Early in a boot nothing is asked:
// services are not there.
func (x *Runner) noteWatches(ctx context.Context) []step.Report {
	watched := x.watches()
	if text, err := json.Marshal(watched); err == nil && len(watched) > 0 {
		_ = durable.WriteNote(x.Directory.Reports(), append(text, '\n'))
	}
	if x.Config.Early {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	told := x.Config.Report(ctx, watched)
	// What an undo restarts just now is not ill.
	waited := slices.DeleteFunc(watched, func(one WatchRecord) bool { return one.Check != "" }) // no program is run again for that
	for begun := time.Now(); x.State.ranUndoLast() && time.Since(begun) < settling; {
		again := x.Config.Report(ctx, waited)
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
func (h *State) ranUndoLast() bool {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	return h.Failure != nil && !h.broken() && h.anyFrame(func(f *Frame) bool {
		_, last := f.Owes()
		return f.Undone && last
	})
}

// Report asks what runs. Of two answers about one thing the later counts.
func (c Config) Report(ctx context.Context, watched []WatchRecord) []step.Report {
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
func (c Config) checkOf(one WatchRecord) *step.Run {
	return &step.Run{
		Step: one.Check, Machine: c.Machine, Started: func(int) {},
		Environment: []string{"GWE_AFTER_COMMIT=0", "GWE_RUN_ID=", "GWE_STEP=" + one.Check, "GWE_RECOVERING=0", "GWE_EARLY=0"},
	}
}
