package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// recipeKeys are the keys of a recipe, in the order of the documentation.
var recipeKeys = []string{
	"gwe", "name", "summary", "inputs", "facts", "vars", "lock", "timeout", "recover", "defaults", "steps", "failsafe", "finally", "outputs",
}

// later are words of the language that this version does not know yet, with what to do until then.
var later = map[string]string{
	"triggers": "start the recipe from a timer or a script",
}

func (p *parser) notYet(key Scalar, what string) {
	p.fail(key.Span, "not-in-this-version", what+" is not in this version of gwe yet", later[key.Text])
}

// recipe builds the recipe from the root mapping.
func (p *parser) recipe(root Map) *Recipe {
	recipe := &Recipe{File: p.file, Source: p.source.bytes, IDs: p.ids, Spoilt: p.spoilt}
	if !p.grammar(root) {
		return recipe
	}
	for _, entry := range root.Entries {
		switch key, node := entry.Key.Text, entry.Value; key {
		case "gwe":
		case "name":
			recipe.Name = p.recipeName(node)
		case "summary":
			recipe.Summary = p.text(node, "summary", false)
		case "inputs":
			recipe.Inputs = p.inputs(node)
		case "facts":
			recipe.Facts = p.facts(node)
		case "vars":
			recipe.Vars = p.bindings(node, "vars", "variable")
		case "lock":
			recipe.Lock = p.lock(node)
		case "timeout":
			recipe.Timeout = p.setting(node, "timeout", positiveDuration)
		case "recover":
			p.recovery(node)
		case "defaults":
			recipe.Defaults = p.defaults(node)
		case "steps":
			recipe.Steps = p.list(node, "steps", topLevel)
			if list, ok := node.(List); ok && len(list.Items) == 0 {
				p.fail(entry.Key.Span, "no-steps", "a recipe has at least one step", "write what is to be done: - run: {argv: [sync]}, for example")
			}
		case "failsafe":
			recipe.Failsafe = p.list(node, "failsafe", inFailsafe)
		case "finally":
			recipe.Finally = p.list(node, "finally", inFinally)
		case "outputs":
			recipe.Outputs = p.bindings(node, "outputs", "output")
		case "triggers":
			p.notYet(entry.Key, quote(key))
		default:
			p.unknownKey(entry.Key, "a recipe", recipeKeys)
		}
	}
	for _, required := range []struct{ key, hint string }{
		{"name", "add name: ota, for example"},
		{"steps", "add steps: and a list of what to do"},
	} {
		if missing(root, required.key, recipeKeys) {
			p.fail(root.Span, "missing-key", fmt.Sprintf("the recipe has no %q", required.key), required.hint)
		}
	}
	return recipe
}

// grammar checks the grammar's version; a file of another one is not looked at further.
func (p *parser) grammar(root Map) bool {
	node, there := root.Get("gwe")
	if !there && !missing(root, "gwe", recipeKeys) {
		return true // it was misspelt, and that is reported
	}
	if !there {
		p.fail(root.Span, "grammar-version", "the recipe does not say which grammar it is written in", `start it with "gwe: 1"`)
		return true
	}
	scalar, ok := node.(Scalar)
	switch {
	case node == nil:
		return true
	case ok && scalar.Kind == Int && scalar.Text == "1":
		return true
	case ok && scalar.Kind == Int && intForm.MatchString(scalar.Text) && !strings.HasPrefix(scalar.Text, "-") && scalar.Text != "0":
		p.fail(scalar.Span, "grammar-version", "this gwe reads version 1 of the grammar, and the recipe is of version "+scalar.Text, "use a newer gwe")
		return false
	}
	p.fail(node.Where(), "grammar-version", "the version of the grammar is the number 1, found "+describe(node), "write gwe: 1")
	return true
}

// namePattern is a recipe's name: it becomes part of file names and log lines.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (p *parser) recipeName(node Node) Scalar {
	text := p.text(node, "name", false)
	if text == nil {
		return Scalar{}
	}
	if !namePattern.MatchString(text.Text) {
		p.fail(text.Span, "name", "a recipe's name is 1 to 64 letters, digits, dots, dashes and underscores, and starts with a letter or digit",
			"write something like ota, and put the rest into summary")
	}
	return *text
}

func (p *parser) recovery(node Node) {
	text := p.text(node, "recover", false)
	switch {
	case text == nil || text.Text == "undo":
	case text.Text == "resume":
		p.fail(text.Span, "not-in-this-version", `"recover: resume" is not in this version of gwe yet`, "leave it out: an interrupted run is undone")
	default:
		p.fail(text.Span, "enum", fmt.Sprintf("recover is undo or resume, found %s", quote(text.Text)), "leave it out: an interrupted run is undone")
	}
}

// lockKeys are the keys of a lock that is a mapping.
var lockKeys = []string{"path", "mounted"}

func (p *parser) lock(node Node) []Lock {
	items := []Node{node}
	if list, ok := node.(List); ok {
		items = list.Items
		if len(items) == 0 {
			p.fail(list.Span, "no-value", "lock names nothing", "leave it out, or name what one run at a time may work on")
		}
	}
	var names []Lock
	for _, item := range items {
		if fields, ok := item.(Map); ok {
			names = append(names, p.lockedPath(fields)...)
		} else if name := p.text(item, "lock", true); name != nil {
			names = append(names, Lock{Scalar: *name})
		}
	}
	return names
}

// lockedPath reads a lock that is a mapping.
func (p *parser) lockedPath(fields Map) []Lock {
	var lock Lock
	for _, entry := range fields.Entries {
		switch entry.Key.Text {
		case "path":
			if path := p.text(entry.Value, "path", true); path != nil {
				lock.Scalar = *path
			}
		case "mounted":
			if p.mountPoints(entry.Value, "mounted") {
				lock.Mounted = entry.Value
			}
		default:
			p.unknownKey(entry.Key, "a lock", lockKeys)
		}
	}
	if missing(fields, "path", lockKeys) {
		p.fail(fields.Span, "missing-key", "the lock has no path", "write path: /opt/firmware, for example")
	}
	if lock.Text == "" {
		return nil
	}
	return []Lock{lock}
}

// mountPoints checks the literals of what must be mounted: a bool, a path from the root, or a list of such
// paths.
func (p *parser) mountPoints(node Node, what string) bool {
	const hint = "write true where the path itself lies on a mount, or the mount points: [/data]"
	items := []Node{node}
	list, several := node.(List)
	if several {
		items = list.Items
	}
	ok := node != nil
	for _, item := range items {
		scalar, is := item.(Scalar)
		switch {
		case is && (scalar.Dynamic || scalar.Kind == Bool && !several || scalar.Kind == Text && (scalar.Text == "" || strings.HasPrefix(scalar.Text, "/"))):
		case is && scalar.Kind == Text:
			p.fail(scalar.Span, "relative-path", fmt.Sprintf("%s is not an absolute path", quote(scalar.Text)), hint)
			ok = false
		case item != nil:
			p.wrongShape(item, what, "true, a mount point or a list of mount points", hint)
			ok = false
		}
	}
	return ok
}

// defaultsKeys are the keys of defaults.
var defaultsKeys = []string{"timeout", "undo-timeout", "retry"}

func (p *parser) defaults(node Node) Defaults {
	var defaults Defaults
	for _, entry := range p.fields(node, "defaults").Entries {
		switch entry.Key.Text {
		case "timeout":
			defaults.Timeout = p.setting(entry.Value, "timeout", positiveDuration)
		case "undo-timeout":
			defaults.UndoTimeout = p.setting(entry.Value, "undo-timeout", positiveDuration)
		case "retry":
			defaults.Retry = p.retry(entry.Value)
		default:
			p.unknownKey(entry.Key, "defaults", defaultsKeys)
		}
	}
	return defaults
}

// bindings reads vars and outputs: names, each with a value of any shape.
func (p *parser) bindings(node Node, key, what string) []Binding {
	var bindings []Binding
	for _, entry := range p.fields(node, key).Entries {
		p.identifier(entry.Key, what)
		// One that is wrong keeps its name, or every expression that reads it would be reported too.
		if p.values(entry.Value, entry.Key.Text) || entry.Value != nil {
			bindings = append(bindings, Binding{Name: entry.Key, Value: entry.Value})
		}
	}
	return bindings
}

// identifierPattern is what expressions read without quotes: a dash would be a minus.
var identifierPattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// identifierLength bounds an id, in bytes: it becomes part of file names and log lines.
const identifierLength = 64

// identifier checks the name of a step, input, variable or output.
func (p *parser) identifier(name Scalar, what string) bool {
	switch {
	case len(name.Text) > identifierLength:
		p.fail(name.Span, "identifier", fmt.Sprintf("the name of the %s has more than %d characters", what, identifierLength), "write a shorter one")
		return false
	case !identifierPattern.MatchString(name.Text):
		hint := "names are made of a-z, 0-9 and _, and start with a letter"
		if cured := snake(name.Text); cured != "" {
			hint = fmt.Sprintf("write %s: expressions read it, and there a dash is a minus", cured)
			if !strings.Contains(name.Text, "-") {
				hint = fmt.Sprintf("write %s: names are made of a-z, 0-9 and _, and start with a letter", cured)
			}
		}
		p.fail(name.Span, "identifier", fmt.Sprintf("%s is not a name for %s %s", quote(name.Text), indefinite(what), what), hint)
		return false
	}
	return true
}

var notSnake = regexp.MustCompile(`[^a-z0-9]+`)

// snake makes the nearest identifier; "" where there is none.
func snake(text string) string {
	cured := strings.Trim(notSnake.ReplaceAllString(strings.ToLower(text), "_"), "_")
	foreignLetter := func(character rune) bool { return character >= utf8.RuneSelf }
	if !identifierPattern.MatchString(cured) || len(cured) > identifierLength || strings.ContainsFunc(text, foreignLetter) {
		return ""
	}
	return cured
}

func indefinite(noun string) string {
	if slices.Contains([]byte("aeiou"), noun[0]) {
		return "an"
	}
	return "a"
}
