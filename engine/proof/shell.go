package proof

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

var (
	// globs are what a shell would replace by names: a*, a?, [ab], {a,b}.
	globs = regexp.MustCompile(`\*|\?|\[[^\]]+\]|\{[^{}]*,[^{}]*\}`)
	// variable is a variable of a shell.
	shellVariable = regexp.MustCompile(`\$(?:\{[A-Za-z_][^}]*\}|[A-Za-z_]\w*|\()`)
	// argumentGlob is an element of argv that looks like a path with a pattern in its last part.
	argumentGlob = regexp.MustCompile(`^/\S*[*?]\S*$`)
)

// builtins are commands of a shell that change the shell itself, and no later step.
var builtins = []string{"cd", "export", "source", ".", "set", "unset", "alias", "umask", "ulimit", "pushd", "popd", "exit", "trap"}

// noShell: no shell reads paths, arguments and variables. What it would replace stays as it is.
func (c *checker) noShell(s *schema.Step) {
	leaf, ok := s.Action.(schema.Leaf)
	if !ok || leaf.Type == nil {
		return
	}
	for _, entry := range leaf.Arguments.Entries {
		field, known := leaf.Type.Arguments().Field(entry.Key.Text)
		if !known {
			continue
		}
		for _, one := range texts(entry.Value) {
			text := withoutExpressions(one.Text)
			switch {
			case isPath(field.Type) && strings.HasPrefix(one.Text, "/") && globs.MatchString(text):
				c.report(s, one.Span, NoShell, fmt.Sprintf("%s is the name of one file: no shell replaces %s in it", one.Text, globs.FindString(text)),
					"name each file, by for-each: [...]; or let a shell do it: run: {script: ...}")
			case field.Name == "env" && shellVariable.MatchString(text):
				c.warn(s, one.Span, NoShell, fmt.Sprintf("the variable is set to %q as it stands: nothing replaces %s", one.Text, shellVariable.FindString(text)),
					"write the value out; or set it in run.script, where a shell reads it")
			case field.Name == "argv" && argumentGlob.MatchString(text) && !shells(leaf) && !takesPatterns(leaf):
				c.warn(s, one.Span, NoShell, fmt.Sprintf("the program is given %s as it stands: no shell replaces it by names", one.Text),
					"name each file; or let a shell do it: run: {script: ...}")
			}
		}
	}
}

// shells reports whether the program is a shell, or another one that reads its arguments as a language.
func shells(leaf schema.Leaf) bool {
	first := filepath.Base(firstOf(leaf, "argv"))
	return slices.Contains([]string{"sh", "bash", "dash", "ash", "busybox", "env", "su", "sudo", "ssh", "awk", "sed", "perl", "python3", "python"}, first)
}

// takesPatterns reports whether the program reads patterns itself.
func takesPatterns(leaf schema.Leaf) bool {
	first := filepath.Base(firstOf(leaf, "argv"))
	return slices.Contains([]string{"find", "grep", "egrep", "rsync", "tar", "bsdtar", "unzip", "zip", "curl", "wget", "rg", "git", "supervisorctl"}, first)
}

// firstOf is the program of an argument that is a command line.
func firstOf(leaf schema.Leaf, name string) string {
	node, _ := leaf.Arguments.Get(name)
	list, ok := node.(schema.List)
	if !ok || len(list.Items) == 0 {
		return ""
	}
	program, _ := list.Items[0].(schema.Scalar)
	return program.Text
}

// withoutExpressions is a text without what stands in ${{ }}.
func withoutExpressions(text string) string {
	parts, problem := expression.Split(text)
	if problem != nil {
		return ""
	}
	var plain strings.Builder
	for _, part := range parts {
		if !part.Expression {
			plain.WriteString(part.Source)
		}
	}
	return plain.String()
}

// shellBuiltin: each step is a process of its own. Where it goes, and what it exports, ends with it.
func (c *checker) shellBuiltin(s *schema.Step) {
	leaf, ok := s.Action.(schema.Leaf)
	if !ok || leaf.Type == nil {
		return
	}
	for _, name := range []string{"argv", "command"} {
		field, known := leaf.Type.Arguments().Field(name)
		if first := firstOf(leaf, name); known && field.Type.Kind == value.KindList && slices.Contains(builtins, first) {
			c.report(s, spanOf(leaf, name), ShellBuiltin, fmt.Sprintf("%s is a command of the shell, and no program: for the next step it would change nothing", first), builtinHint(first))
		}
	}
	script := strings.TrimSpace(literal(leaf, "script"))
	if script == "" {
		return
	}
	for _, line := range strings.FieldsFunc(script, func(r rune) bool { return r == '\n' || r == ';' }) {
		words := strings.Fields(line)
		if len(words) > 0 && (!slices.Contains(builtins, words[0]) || words[0] == "exit" || words[0] == "." || words[0] == "source" || strings.ContainsAny(line, "&|")) && !strings.HasPrefix(words[0], "#") {
			return
		}
	}
	c.report(s, spanOf(leaf, "script"), ShellBuiltin, "the script changes its own shell only: for the next step it changes nothing", builtinHint(strings.Fields(script)[0]))
}

func builtinHint(word string) string {
	switch word {
	case "cd", "pushd":
		return "write dir: beside argv or script of the step that runs there"
	case "export", "set", "source", ".":
		return "write env: beside argv or script of each step that needs it"
	}
	return "put it into the script of the step that needs it"
}
