package trial

import (
	"fmt"
	"slices"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/schema"
)

// faults lists all that can go wrong in a run that ended well: each execution of a step, about to act and
// having acted; and, where gwe is killed, the commit too.
func faults(well *report, kill bool) []*Fault {
	var all []*Fault
	for _, one := range well.Events {
		if one.Kind == eventStep || one.Kind == eventCommitted && kill {
			for _, behind := range []bool{false, true} {
				all = append(all, &Fault{Kill: kill, Step: one.Step, Number: one.Number, Behind: behind})
			}
		}
	}
	return all
}

// String says when it goes wrong.
func (f *Fault) String() string {
	what, when := "fails", "before it acts"
	if f.Kill {
		what = "is where gwe is killed,"
	}
	if f.Behind {
		when = "when it has acted"
	}
	if f.Step == "" {
		return fmt.Sprintf("the commit %s %s", what, map[bool]string{false: "before it is written", true: "when it is written"}[f.Behind])
	}
	if f.Number > 1 {
		return fmt.Sprintf("step %s, execution %d, %s %s", f.Step, f.Number, what, when)
	}
	return fmt.Sprintf("step %s %s %s", f.Step, what, when)
}

// judgeEvery tells what is wrong with the end of a run in which something went wrong, by a run in which
// nothing did: the tree must be as before or, after the commit, as after.
func judgeEvery(standIns []*schema.StandIn, fault *Fault, well, r *report, ignored []string) []string {
	if findings := missed(fault, r); len(findings) > 0 {
		return findings
	}
	if findings := slices.Concat(stale(standIns, r), lost(r)); len(findings) > 0 {
		return findings
	}
	before, after := r.Later.withoutLater(r.Before.without(ignored), r.After.without(ignored))
	committed := r.came(eventCommitted)
	switch {
	case fault.Kill && r.Exit != engine.ExitDone:
		return []string{fmt.Sprintf("the exit code of the recovery is %d, want %d", r.Exit, engine.ExitDone)}
	case !committed && (fault.Kill || r.Exit == engine.ExitRestored):
		return asBefore(before, after)
	case !fault.Kill && r.Exit != engine.ExitDone && r.Exit != engine.ExitCommitted:
		return []string{fmt.Sprintf("the exit code is %d, want %d: everything rolled back", r.Exit, engine.ExitRestored)}
	}
	return judgeCommitted(before, after, well, ignored, !r.struckBehindCommit())
}

// judgeCommitted compares the tree of a run that continued, or ended after its commit. What a run without a
// fault leaves alone is as before; all else is as at that run's commit or as at its end, for a step after
// the commit may not have acted. Where the fault came before the commit, and was forgiven, what the step
// would have changed may be as before too.
func judgeCommitted(before, after tree, well *report, ignored []string, forgiven bool) []string {
	before, after = before.apart(), after.apart().settled()
	wasBefore, atEnd := well.Later.withoutLater(well.Before.without(ignored), well.After.without(ignored))
	wasBefore, atEnd = wasBefore.apart(), atEnd.apart().settled()
	atCommit := atEnd
	if well.Commit != nil {
		atCommit = well.Commit.without(ignored).apart().settled()
	}
	all := tree{}
	for _, one := range []tree{before, after, atCommit, atEnd} {
		for path := range one {
			all[path] = entry{}
		}
	}
	var findings []string
	for _, path := range paths(all, nil) {
		touched := !alike(path, wasBefore, atEnd) || !alike(path, wasBefore, atCommit) || !has(path, before)
		switch {
		case !touched:
			findings = append(findings, changed(path, before, after)...)
		case alike(path, after, atEnd), alike(path, after, atCommit), forgiven && alike(path, after, before):
		default:
			findings = append(findings, differs(path, atEnd, after)...)
		}
	}
	if len(findings) > 0 {
		return append([]string{"the tree is not as after a run without the fault:"}, indent(findings)...)
	}
	return nil
}

func has(path string, all tree) bool {
	_, there := all[path]
	return there
}

func alike(path string, a, b tree) bool { return len(differs(path, a, b)) == 0 }

// differs is changed, but says so of what lies in a new directory too.
func differs(path string, was, is tree) []string {
	before, there := was[path]
	after, still := is[path]
	switch {
	case there && still:
		return compare(path, before, after)
	case there:
		return []string{fmt.Sprintf("%s is not there", path)}
	case still:
		return []string{fmt.Sprintf("%s is there: %s", path, after)}
	}
	return nil
}

// struckBehindCommit reports whether the fault came after the commit.
func (r *report) struckBehindCommit() bool {
	for _, one := range r.Events {
		switch one.Kind {
		case eventCommitted:
			return true
		case eventFault:
			return false
		}
	}
	return false
}
