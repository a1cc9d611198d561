package engine

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/step"
)

const (
	// oneReport bounds what one step takes to tell what runs, and allReports what all do.
	oneReport  = 3 * time.Second
	allReports = 10 * time.Second
)

// watchRecord is a step that can tell what runs. The list of them lies beside the journal of an ended run, for `gwe status`: it
// needs neither the recipe nor a secret.
type watchRecord struct {
	Type      string                     `json:"type"`
	Arguments map[string]json.RawMessage `json:"arguments"`
}

func (r runFolder) reports() string { return filepath.Join(string(r), "reports.json") }

// watches lists the steps of the recipe that can tell what runs, in its order. A step that acted is asked with the arguments that it
// acted with; one that did not come to that, with those that can be evaluated.
func (x *execution) watches() []watchRecord {
	watched := []watchRecord{}
	x.eachLeaf(x.program.steps, func(n *node) {
		reporter, ok := n.action.stepType.(step.ReporterType)
		if !ok || !reporter.Reports() {
			return
		}
		acted := false
		for _, f := range x.history.frames {
			if f.node == n && f.part == "" {
				acted = true
				watched = x.addWatch(watched, n, f.arguments)
			}
		}
		if acted {
			return
		}
		names := x.history.names(n, nil, false)
		if n.when != nil {
			if answer, err := n.when.Evaluate(names); err == nil && answer == false {
				return
			}
		}
		arguments := map[string]any{}
		for _, argument := range n.action.arguments {
			if v, err := argument.value.evaluate(names); err == nil {
				arguments[argument.name] = v
			}
		}
		watched = x.addWatch(watched, n, arguments)
	})
	return watched
}

func (x *execution) addWatch(watched []watchRecord, n *node, arguments map[string]any) []watchRecord {
	encoded, err := encodeObject(n.action.stepType.Arguments(), n.withoutSecrets(arguments))
	if err != nil {
		return watched
	}
	return append(watched, watchRecord{Type: n.action.stepType.About().Name, Arguments: encoded})
}

// eachLeaf goes over the steps of the way forward.
func (x *execution) eachLeaf(nodes []*node, visit func(*node)) {
	for _, n := range nodes {
		switch {
		case n.action.stepType != nil:
			visit(n)
		case n.action.group != nil:
			x.eachLeaf(n.action.group.steps, visit)
		case n.action.parallel != nil:
			x.eachLeaf(n.action.parallel.branches, visit)
		case n.action.used != nil:
			x.eachLeaf(n.action.used.steps, visit)
		}
	}
}

// noteWatches keeps how `gwe status` finds out what runs, and asks now. Early in a boot nothing is asked: services are not there.
func (x *execution) noteWatches(ctx context.Context) []step.Report {
	watched := x.watches()
	if text, err := json.Marshal(watched); err == nil && len(watched) > 0 {
		_ = durable.WriteNote(x.folder.reports(), append(text, '\n'))
	}
	if x.engine.Early {
		return nil
	}
	return x.engine.report(context.WithoutCancel(ctx), watched)
}

// report asks what runs. Of two answers about one thing the later counts.
func (e *Engine) report(ctx context.Context, watched []watchRecord) []step.Report {
	ctx, cancel := context.WithTimeout(ctx, allReports)
	defer cancel()
	var all []step.Report
	for _, one := range watched {
		stepType, ok := e.Catalog.Find(one.Type)
		if !ok {
			continue
		}
		reporter, ok := stepType.(step.ReporterType)
		arguments, err := decodeObject(stepType.Arguments(), one.Arguments)
		if !ok || err != nil {
			continue
		}
		bounded, done := context.WithTimeout(ctx, oneReport)
		told := reporter.Report(bounded, e.Machine, arguments)
		done()
		for _, report := range told {
			all = slices.DeleteFunc(all, func(other step.Report) bool { return other.Kind == report.Kind && other.Name == report.Name })
			all = append(all, report)
		}
	}
	return all
}

// reportNow asks what runs by the newest run that has ended and can tell; none where no recipe says it.
func (e *Engine) reportNow(ctx context.Context, list []Summary) []step.Report {
	for _, one := range slices.Backward(list) {
		text, err := durable.ReadNote(e.State.run(one.Run).reports())
		var watched []watchRecord
		if err == nil && len(text) > 0 && json.Unmarshal(text, &watched) == nil {
			return e.report(ctx, watched)
		}
	}
	return nil
}

// Reports tells what runs now, as the recipe of the newest ended run says it: releases, programs, checks. It takes no lock.
func (e *Engine) Reports(ctx context.Context) ([]step.Report, error) {
	list, err := e.State.List()
	if err != nil {
		return nil, err
	}
	return e.reportNow(ctx, list), nil
}
