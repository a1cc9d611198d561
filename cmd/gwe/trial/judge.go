package trial

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// judge tells what is not as the case expects; nothing where all is.
func judge(one *schema.Case, standIns []*schema.StandIn, fault *Fault, r *report, ignored []string) []string {
	expect := one.Expect
	if expect == nil {
		expect = &schema.Expectation{AsBefore: fault != nil || r.Later != nil}
	}
	exit := engine.ExitDone
	if fault != nil && !fault.Kill {
		exit = engine.ExitRestored
	}
	if expect.Exit != nil {
		exit = expect.Exit.Value.(int)
	}
	findings := missed(fault, r)
	if r.Exit != exit {
		findings = append(findings, fmt.Sprintf("the exit code is %d, want %d", r.Exit, exit))
	}
	before, after := r.Before.without(ignored), r.After.without(ignored)
	if r.came(eventCommitted) && r.Later == nil {
		after = after.settled()
	}
	before, after = r.Later.withoutLater(before, after)
	switch {
	case expect.AsBefore:
		findings = append(findings, asBefore(before, after)...)
	case expect.Exact:
		findings = append(findings, wantTree(expect.Tree, r.After)...)
		findings = append(findings, strays(expect.Tree, before.apart(), after.apart())...)
	default:
		findings = append(findings, wantTree(expect.Tree, r.After)...)
	}
	findings = append(findings, wantLog(expect.Log, r.Said)...)
	findings = append(findings, stale(standIns, r)...)
	findings = append(findings, lost(r)...)
	for _, output := range expect.Outputs {
		findings = append(findings, wantOutput(output, r.Outputs)...)
	}
	for _, calls := range expect.Calls {
		if is := r.Calls[calls.Name.Text]; !slices.Equal(is, calls.Lines) {
			findings = append(findings, fmt.Sprintf("%s was called in another way:%s", calls.Name.Text,
				strings.ReplaceAll("\n"+lineDifference(text(calls.Lines), text(is)), "\n", "\n  ")))
		}
	}
	return findings
}

func text(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// missed tells that what should go wrong never did.
func missed(fault *Fault, r *report) []string {
	if fault == nil || r.came(eventFault) {
		return nil
	}
	var came []string
	for _, one := range r.Events {
		if one.Kind == eventStep && !slices.Contains(came, one.Step) {
			came = append(came, one.Step)
		}
	}
	said := fmt.Sprintf("the run never came to a step %q", fault.Step)
	if hint := closest(fault.Step, came); hint != "" {
		said += ": " + hint
	}
	return []string{said}
}

// notAsBefore is what is said above the paths that should be as before.
const notAsBefore = "the tree is not as before"

func asBefore(before, after tree) []string {
	findings := difference(before, after)
	if len(findings) > 0 {
		return append([]string{notAsBefore + ":"}, indent(findings)...)
	}
	return nil
}

func indent(all []string) []string {
	indented := make([]string, 0, len(all))
	for _, one := range all {
		indented = append(indented, "  "+strings.ReplaceAll(one, "\n", "\n  "))
	}
	return indented
}

// wantTree compares the paths that are named.
func wantTree(all []*schema.Placed, is tree) []string {
	var findings []string
	for _, one := range all {
		path := one.Path.Text
		found, there := is[path]
		switch {
		case one.Kind == schema.PlacedAbsent:
			if there {
				findings = append(findings, fmt.Sprintf("%s is there: %s", path, found))
			}
		case !there:
			findings = append(findings, fmt.Sprintf("%s is not there", path))
		default:
			findings = append(findings, wantEntry(one, found, is)...)
		}
	}
	return findings
}

func wantEntry(one *schema.Placed, is entry, all tree) []string {
	path := one.Path.Text
	wanted := string(one.Kind)
	if one.Kind == schema.PlacedHardLink {
		wanted = "file"
	}
	if is.Kind != wanted {
		return []string{fmt.Sprintf("%s is %s, want a %s", path, is, wanted)}
	}
	var findings []string
	if one.Content != nil && is.Digest != digestOf(*one.Content) {
		findings = append(findings, fmt.Sprintf("%s has another content%s", path, contents(one.Content, is.Content)))
	}
	if one.Mode != nil && is.Mode != *one.Mode {
		findings = append(findings, fmt.Sprintf("%s has mode %04o, want %04o", path, is.Mode, *one.Mode))
	}
	switch one.Kind {
	case schema.PlacedLink:
		if is.Target != one.Target {
			findings = append(findings, fmt.Sprintf("%s points to %s, want %s", path, is.Target, one.Target))
		}
	case schema.PlacedHardLink:
		if first(path, all) != first(one.Target, all) {
			findings = append(findings, fmt.Sprintf("%s is not the same file as %s", path, one.Target))
		}
	}
	return findings
}

// first is the first path of a file, itself where it has no other.
func first(path string, all tree) string {
	if same := all[path].Same; same != "" {
		return same
	}
	return path
}

// strays tells what changed beside the paths that are named, the directories above these, and what lay in a
// directory that is gone as it should.
func strays(named []*schema.Placed, before, after tree) []string {
	expected := func(path string) bool {
		return slices.ContainsFunc(named, func(one *schema.Placed) bool {
			return path == one.Path.Text || one.Kind == schema.PlacedAbsent && below(path, one.Path.Text)
		})
	}
	above := func(path string) bool {
		_, had := before[path]
		return !had && slices.ContainsFunc(named, func(one *schema.Placed) bool {
			return one.Kind != schema.PlacedAbsent && below(filepath.Dir(one.Path.Text), path)
		})
	}
	var findings []string
	for _, path := range paths(before, after) {
		if expected(path) || above(path) {
			continue
		}
		was, had := before[path]
		is, has := after[path]
		switch {
		case !had:
			findings = append(findings, fmt.Sprintf("%s is there now: %s", path, is))
		case !has:
			findings = append(findings, fmt.Sprintf("%s is gone: it was %s", path, was))
		default:
			findings = append(findings, compare(path, was, is)...)
		}
	}
	if len(findings) > 0 {
		return append([]string{"beside what is expected:"}, indent(findings)...)
	}
	return nil
}

// wantLog looks for texts in the lines that were said, in that order.
func wantLog(wanted []schema.Scalar, said []string) []string {
	from := 0
	for i, one := range wanted {
		at := slices.IndexFunc(said[from:], func(line string) bool { return strings.Contains(line, one.Text) })
		if at < 0 {
			where := ""
			if slices.ContainsFunc(said, func(line string) bool { return strings.Contains(line, one.Text) }) {
				where = fmt.Sprintf(", only above %q", wanted[i-1].Text)
			}
			return []string{fmt.Sprintf("the log does not say %q%s", one.Text, where)}
		}
		from += at + 1
	}
	return nil
}

func wantOutput(wanted schema.Binding, outputs map[string]json.RawMessage) []string {
	name, want := wanted.Name.Text, value.Text(schema.Decode(wanted.Value))
	raw, there := outputs[name]
	if !there || string(raw) == "null" {
		return []string{fmt.Sprintf("the output %s is absent, want %s", name, want)}
	}
	var is any
	if err := json.Unmarshal(raw, &is); err != nil {
		return []string{fmt.Sprintf("the output %s cannot be read: %v", name, err)}
	}
	if value.Text(is) != want {
		return []string{fmt.Sprintf("the output %s is %s, want %s", name, value.Text(is), want)}
	}
	return nil
}
