package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/value"
)

// Suite is one file of tests of a recipe, checked in all that needs no recipe.
type Suite struct {
	// File is the name that diagnostics carry; Source is the file's content.
	File   string
	Source []byte
	// Recipe is a path relative to the file, or the name of a shipped recipe; nil where the file does not
	// say.
	Recipe *Scalar
	// Setup is what all cases share; what a case says itself wins.
	Setup
	Cases []*Case
}

// Setup is the machine that a case starts from.
type Setup struct {
	Inputs []Binding
	// Fixture is the tree, by path from the root.
	Fixture  []*Placed
	StandIns []*StandIn
	// Script is text for /bin/sh that ends what the fixture began: it starts a daemon, say. Nil is none.
	Script *string
	// Ignore are paths that no tree is compared below.
	Ignore []Scalar
	// Then is what comes next: while the run is suspended, one after the other, and a rollback by hand when
	// it has committed.
	Then []*Next
}

// Next is what happens to a machine on which a run waits, or has committed.
type Next struct {
	// What is reboot, late, confirm or rollback.
	What Scalar
	// Script is text for /bin/sh that runs at the boot, or before the rollback, before gwe does; "" is none.
	Script string
}

// What may come next.
const (
	NextReboot   = "reboot"
	NextLate     = "late"
	NextConfirm  = "confirm"
	NextRollback = "rollback"
)

// Case is one test.
type Case struct {
	// Span is the case's first key.
	Span
	Name Scalar
	Setup
	// FailAt and KillAt name a step, by its id or path, or say "every"; at most one of them is not nil.
	FailAt, KillAt *Scalar
	// Expect is nil where the case leaves it to the defaults.
	Expect *Expectation
}

// StandIn is a program that takes the place of another.
type StandIn struct {
	// Name is looked for in PATH, or is a path.
	Name Scalar
	// Exit is the code that it ends with; Prints are its lines on standard output.
	Exit   int
	Prints []string
	// Unaffected programs have nothing of what the recipe changes: they need not run again when a change is
	// undone.
	Unaffected bool
}

// Expectation is how a case ends.
type Expectation struct {
	// Exit is the exit code; nil where the file does not say.
	Exit *Setting
	// AsBefore wants the tree as the fixture was.
	AsBefore bool
	// Tree is what must be there. Exact means that everything else is as the fixture was.
	Tree  []*Placed
	Exact bool
	// Log are texts that lines of the log hold, in that order.
	Log []Scalar
	// Outputs are the recipe's.
	Outputs []Binding
	// Calls are the command lines of a stand-in, in order, by its name.
	Calls []Calls
}

// Calls are what a stand-in was called with.
type Calls struct {
	Name  Scalar
	Lines []string
}

// Every is the word that stands for all steps in fail-at and kill-at.
const Every = "every"

var (
	suiteKeys = []string{"gwe-test", "recipe", "inputs", "fixture", "stand-ins", "setup", "ignore", "then", "cases"}
	caseKeys  = []string{"name", "inputs", "fixture", "stand-ins", "setup", "ignore", "then", "fail-at", "kill-at", "expect"}
	nextWords = []string{NextReboot, NextLate, NextConfirm, NextRollback}
	// nextScripts are those that may hold a script.
	nextScripts = []string{NextReboot, NextRollback}
	expectKeys  = []string{"exit", "tree", "exact", "log", "outputs", "calls"}
	exitCode    = settingRule{of: value.Of(value.KindInt), min: 0, max: 255, example: "3"}
)

// ParseSuite reads a file of tests. The diagnostics are sorted and complete; the suite is nil only where the
// source is not YAML mapping, and not fit to run where there are errors. In such a file ${{ }} means
// nothing: values are as they stand.
func ParseSuite(file string, content []byte) (*Suite, Diagnostics) {
	p := &parser{file: file, ids: map[string]Scalar{}, spoilt: map[string]bool{}, literalOnly: true}
	var suite *Suite
	if root, ok := p.document(content, "a file of tests", `start with "gwe-test: 1"`); ok {
		suite = p.suite(root)
	}
	return suite, p.diagnostics.Sorted()
}

func (p *parser) suite(root Map) *Suite {
	suite := &Suite{File: p.file, Source: p.source.bytes}
	version, there := root.Get("gwe-test")
	if scalar, ok := version.(Scalar); !there || version != nil && (!ok || scalar.Kind != Int || scalar.Text != "1") {
		at := root.Span
		if version != nil {
			at = version.Where()
		}
		p.fail(at, "grammar-version", "the file does not say that it holds tests, of version 1 of their grammar", `start it with "gwe-test: 1"`)
	}
	for _, entry := range root.Entries {
		switch entry.Key.Text {
		case "gwe-test":
		case "recipe":
			suite.Recipe = p.text(entry.Value, "recipe", false)
		case "cases":
			suite.Cases = p.cases(entry)
		default:
			if !p.setup(&suite.Setup, entry) {
				p.unknownKey(entry.Key, "a file of tests", suiteKeys)
			}
		}
	}
	if missing(root, "cases", suiteKeys) {
		p.fail(root.Span, "missing-key", `the file has no "cases"`, "add cases: and a list, each with a name and what to expect")
	}
	return suite
}

// setup reads a key that a case and the file have in common, and reports whether it is one.
func (p *parser) setup(setup *Setup, entry Entry) bool {
	switch key, node := entry.Key.Text, entry.Value; key {
	case "inputs":
		setup.Inputs = p.bindings(node, key, "input")
	case "fixture":
		setup.Fixture = p.placed(node, key, absolutePaths, fixtureKeys)
	case "stand-ins":
		setup.StandIns = p.standIns(node)
	case "setup":
		if script := p.text(node, key, true); script != nil {
			setup.Script = &script.Text
		}
	case "ignore":
		for _, one := range p.strings(node, key) {
			if p.cleanPath(one, absolutePaths) {
				setup.Ignore = append(setup.Ignore, one)
			}
		}
	case "then":
		setup.Then = p.nexts(node)
	default:
		return false
	}
	return true
}

// nexts reads a list of words; reboot and rollback may hold a script. One alone is a list too.
func (p *parser) nexts(node Node) []*Next {
	items := []Node{node}
	if list, ok := node.(List); ok {
		items = list.Items
	}
	all := []*Next{} // an empty list wins over that of the file
	for _, item := range items {
		if fields, ok := item.(Map); ok {
			for _, entry := range fields.Entries {
				if !slices.Contains(nextScripts, entry.Key.Text) {
					p.unknownKey(entry.Key, "then", nextScripts)
				} else if script := p.text(entry.Value, entry.Key.Text, true); script != nil {
					all = append(all, &Next{What: entry.Key, Script: script.Text})
				}
			}
			continue
		}
		word := p.text(item, "then", false)
		if word == nil {
			continue
		}
		if !slices.Contains(nextWords, word.Text) {
			p.fail(word.Span, "enum", fmt.Sprintf("what comes then is reboot, late, confirm or rollback, found %s", quote(word.Text)), "reboot: SCRIPT runs a script at that boot")
		}
		all = append(all, &Next{What: *word})
	}
	return all
}

func (p *parser) cases(owner Entry) []*Case {
	list, ok := owner.Value.(List)
	if !ok {
		if owner.Value != nil {
			p.wrongShape(owner.Value, "cases", "a list", "write - name: ... for each case")
		}
		return nil
	}
	if len(list.Items) == 0 {
		p.fail(owner.Key.Span, "no-value", "cases is empty, and tests nothing", "add a case: - name: ...")
	}
	var cases []*Case
	names := map[string]int{}
	for _, item := range list.Items {
		fields, ok := item.(Map)
		if !ok {
			p.fields(item, "a case")
			continue
		}
		one := p.oneCase(fields)
		if line, twice := names[one.Name.Text]; twice && one.Name.Text != "" {
			p.fail(one.Name.Span, "duplicate-name", fmt.Sprintf("two cases are called %s: first on line %d", quote(one.Name.Text), line), "give each its own name: --run chooses by it")
		}
		names[one.Name.Text] = one.Name.Line
		cases = append(cases, one)
	}
	return cases
}

func (p *parser) oneCase(fields Map) *Case {
	made := &Case{Span: fields.Span}
	for _, entry := range fields.Entries {
		switch key, node := entry.Key.Text, entry.Value; key {
		case "name":
			if name := p.text(node, key, false); name != nil {
				made.Name = *name
			}
		case "fail-at":
			made.FailAt = p.text(node, key, false)
		case "kill-at":
			made.KillAt = p.text(node, key, false)
		case "expect":
			made.Expect = p.expectation(node)
		default:
			if !p.setup(&made.Setup, entry) {
				p.unknownKey(entry.Key, "a case", caseKeys)
			}
		}
	}
	if missing(fields, "name", caseKeys) {
		p.fail(fields.Span, "missing-key", "the case has no name", "add name: and what it shows, in a few words")
	}
	if made.FailAt != nil && made.KillAt != nil {
		p.fail(keySpan(fields, "kill-at"), "key-not-here", "a case has fail-at or kill-at, not both", "make it two cases")
	}
	if every := made.FailAt != nil && made.FailAt.Text == Every || made.KillAt != nil && made.KillAt.Text == Every; every && made.Expect != nil {
		p.fail(keySpan(fields, "expect"), "key-not-here",
			"with every, what to expect is given: the tree as before or, after the commit, as after", "leave expect out, or name one step")
	}
	return made
}

// commandName is a program as PATH knows it, or the path of one.
var commandName = regexp.MustCompile(`^(/.*)?[A-Za-z0-9_.+-]+$`)

func (p *parser) standIns(node Node) []*StandIn {
	var all []*StandIn
	for _, entry := range p.fields(node, "stand-ins").Entries {
		one := &StandIn{Name: entry.Key}
		if !commandName.MatchString(entry.Key.Text) || strings.HasPrefix(entry.Key.Text, "/") && !p.cleanPath(entry.Key, absolutePaths) {
			p.fail(entry.Key.Span, "name", fmt.Sprintf("%s is not the name of a program", quote(entry.Key.Text)), "write the name that PATH knows, systemctl, or a whole path")
		}
		for _, field := range p.fields(entry.Value, "a stand-in").Entries {
			switch key := field.Key.Text; key {
			case "exit":
				if code := p.setting(field.Value, key, exitCode); code != nil {
					one.Exit, _ = code.Value.(int)
				}
			case "prints":
				for _, line := range p.strings(field.Value, key) {
					one.Prints = append(one.Prints, line.Text)
				}
			case "unaffected":
				one.Unaffected = p.literalBool(field.Value, key)
			default:
				p.unknownKey(field.Key, "a stand-in", []string{"exit", "prints", "unaffected"})
			}
		}
		all = append(all, one)
	}
	return all
}

func (p *parser) expectation(node Node) *Expectation {
	made := &Expectation{}
	fields := p.fields(node, "expect")
	for _, entry := range fields.Entries {
		switch key, node := entry.Key.Text, entry.Value; key {
		case "exit":
			made.Exit = p.setting(node, key, exitCode)
		case "tree":
			if scalar, ok := node.(Scalar); ok && scalar.Kind == Text {
				if made.AsBefore = scalar.Text == "as before"; !made.AsBefore {
					p.fail(scalar.Span, "enum", fmt.Sprintf("tree is a mapping of paths, or as before, found %s", quote(scalar.Text)), `did you mean "as before"?`)
				}
				continue
			}
			made.Tree = p.placed(node, key, absolutePaths, expectedKeys)
		case "exact":
			made.Exact = p.literalBool(node, key)
		case "log":
			made.Log = p.strings(node, key)
		case "outputs":
			made.Outputs = p.bindings(node, key, "output")
		case "calls":
			for _, one := range p.fields(node, key).Entries {
				calls := Calls{Name: one.Key, Lines: []string{}}
				for _, line := range p.strings(one.Value, "the calls of "+one.Key.Text) {
					calls.Lines = append(calls.Lines, line.Text)
				}
				made.Calls = append(made.Calls, calls)
			}
		default:
			p.unknownKey(entry.Key, "expect", expectKeys)
		}
	}
	if made.Exact && len(made.Tree) == 0 {
		p.fail(keySpan(fields, "exact"), "key-not-here", "exact stands beside a tree, and there is none", `where nothing may have changed, write tree: as before`)
	}
	return made
}

// strings reads a list of texts; one text alone is a list too.
func (p *parser) strings(node Node, what string) []Scalar {
	items := []Node{node}
	if list, ok := node.(List); ok {
		items = list.Items
	}
	var texts []Scalar
	for _, item := range items {
		scalar, ok := item.(Scalar)
		switch {
		case item == nil:
		case !ok || scalar.Kind == Absent:
			p.wrongShape(item, what, "a list of texts", "")
		case scalar.Kind != Text:
			p.fail(scalar.Span, "wrong-type", fmt.Sprintf("%s holds texts, found %s", what, describe(scalar)), fmt.Sprintf("put it in quotes: %q", scalar.Text))
		default:
			texts = append(texts, scalar)
		}
	}
	return texts
}

// Decode gives a value that holds no expressions as YAML reads it: texts, numbers, bools, lists and maps of
// them.
func Decode(node Node) any {
	switch typed := node.(type) {
	case Scalar:
		v, _ := typed.plain() // odd numbers were reported
		return v
	case List:
		items := make([]any, 0, len(typed.Items))
		for _, item := range typed.Items {
			items = append(items, Decode(item))
		}
		return items
	case Map:
		members := make(map[string]any, len(typed.Entries))
		for _, entry := range typed.Entries {
			members[entry.Key.Text] = Decode(entry.Value)
		}
		return members
	}
	return nil
}
