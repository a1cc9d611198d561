package proof

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/schema"
)

// undoTooEarly: undos run newest first. One that makes a program take up what is on disk runs before older
// changes are undone, so the program takes up the new ones once more. itself reports that the step changes
// what is on disk too: its undo steps run before that is undone.
func (c *checker) undoTooEarly(s *schema.Step, itself bool) {
	if c.change == nil && !itself {
		return
	}
	own, _ := s.Action.(schema.Leaf)
	for _, inner := range s.Undo {
		undo, ok := inner.Action.(schema.Leaf)
		if !ok || undo.Type == nil {
			continue
		}
		what := refresh(undo)
		if what == "" && own.Type != nil && c.change != nil && slices.Equal(words(own), words(undo)) {
			what = strings.Join(words(undo), " ")
		}
		if what == "" {
			continue
		}
		changed := c.change
		if itself {
			changed = s
		}
		c.report(s, undo.Key.Span, UndoTooEarly,
			fmt.Sprintf("this undo runs before the change of line %d is undone, so %q takes up the new version once more", changed.Line, what),
			"move it to undo-last: of the same step: it then runs when everything older was undone")
	}
}

// refreshUnnamed: a program that took up a change must be told of its undoing.
func (c *checker) refreshUnnamed(s *schema.Step, leaf schema.Leaf) {
	if c.committed || c.change == nil || len(leaf.Type.About().Undo) > 0 || s.UndoNone == nil && s.EffectsNone == nil {
		return
	}
	what := refresh(leaf)
	if what == "" {
		return
	}
	said, at := "effects: none", s.EffectsNone
	if at == nil {
		said, at = "undo: none", s.UndoNone
	}
	c.report(s, at.Span, RefreshUndone,
		fmt.Sprintf("%q takes up the change of line %d, and with %s nothing tells the program when that is undone", what, c.change.Line, said),
		"write undo-last: with the same command in its place")
}

// changesDisk reports whether the step changes, or may change, what a running program has read. Starting and
// stopping programs does not.
func changesDisk(leaf schema.Leaf) bool {
	if changesPath(leaf) {
		return true
	}
	all := commands(words(leaf))
	control := slices.ContainsFunc(all, func(command []string) bool { return !controls(command) && !refreshes(command) })
	return len(effects(leaf)) > 0 && leaf.Type.About().Opaque() && (len(all) == 0 || control)
}

// controls reports whether a command only starts or stops programs.
func controls(command []string) bool {
	_, known := refreshVerbs[command[0]]
	return known && slices.ContainsFunc(command[1:], func(word string) bool {
		return slices.Contains([]string{"start", "stop", "enable", "disable", "mask", "unmask", "kill", "-TERM", "is-active", "status"}, word)
	}) || command[0] == "true"
}

// changesPath reports whether the step changes what is at a path, and undoes that itself.
func changesPath(leaf schema.Leaf) bool {
	return slices.ContainsFunc(effects(leaf), func(e step.Effect) bool { return e.Kind.OnPath() })
}

// refresh is the command by which a step makes a program take up what is on disk; "" where it does nothing of
// the kind.
func refresh(leaf schema.Leaf) string {
	if slices.ContainsFunc(effects(leaf), func(e step.Effect) bool { return e.Kind == step.Refreshes }) {
		return leaf.Key.Text
	}
	for _, command := range commands(words(leaf)) {
		if refreshes(command) {
			return strings.Join(command, " ")
		}
	}
	return ""
}

// words are what a step runs: its argv, or the words of its script; nil where it runs nothing, or only the
// run knows what.
func words(leaf schema.Leaf) []string {
	if leaf.Type == nil || !slices.ContainsFunc(leaf.Type.About().Effects, func(e step.Effect) bool { return e.Kind == step.Runs }) {
		return nil
	}
	var all []string
	for _, name := range []string{"argv", "script", "dir", "args"} {
		node, _ := leaf.Arguments.Get(name)
		switch node := node.(type) {
		case schema.Scalar:
			if name == "dir" && len(all) > 0 && leaf.Key.Text != "hook" {
				continue // where a program runs does not make it another one
			}
			for _, line := range strings.Split(node.Text, "\n") {
				all = append(append(all, strings.Fields(line)...), ";")
			}
			all = all[:len(all)-1]
		case schema.List:
			for _, item := range node.Items {
				if scalar, ok := item.(schema.Scalar); ok {
					all = append(all, scalar.Text)
				}
			}
		}
	}
	return all
}

// commands splits the words of a script where the shell ends a command, and takes from each what only leads
// to it.
func commands(words []string) [][]string {
	var all [][]string
	var one []string
	end := func() {
		for len(one) > 0 && (slices.Contains([]string{"sudo", "exec", "env", "if", "then", "!", "nice", "timeout", "sh", "-c", "/bin/sh", "-ec", "-eu"}, one[0]) || strings.Contains(one[0], "=") || isNumber(one[0])) {
			one = one[1:]
		}
		if len(one) > 0 {
			one[0] = filepath.Base(one[0])
			all = append(all, one)
		}
		one = nil
	}
	for _, word := range words {
		for _, inner := range strings.Fields(word) { // sh -c "systemctl restart app"
			bare := strings.TrimRight(inner, ";")
			if bare == "" || bare == "&&" || bare == "||" || bare == "|" || bare == "&" {
				end()
				continue
			}
			one = append(one, strings.Trim(bare, `"'`))
			if bare != inner {
				end()
			}
		}
	}
	end()
	return all
}

func isNumber(word string) bool { return strings.Trim(word, "0123456789smh") == "" }

// refreshVerbs are the programs that make others take up what is on disk, and the words by which they do.
// Programs with no word always do.
var refreshVerbs = map[string][]string{
	"systemctl":     {"restart", "reload", "try-restart", "reload-or-restart", "try-reload-or-restart", "condrestart", "force-reload", "daemon-reload", "daemon-reexec", "isolate"},
	"service":       {"restart", "reload", "force-reload", "condrestart", "try-restart"},
	"invoke-rc.d":   {"restart", "reload", "force-reload"},
	"rc-service":    {"restart", "reload"},
	"supervisorctl": {"restart", "reload", "update", "reread"},
	"sv":            {"restart", "reload", "force-restart", "hup"},
	"s6-svc":        {"-r", "-h"},
	"initctl":       {"restart", "reload", "reload-configuration"},
	"monit":         {"restart", "reload"},
	"pm2":           {"restart", "reload"},
	"snap":          {"restart"},
	"docker":        {"restart"}, "podman": {"restart"}, "nerdctl": {"restart"},
	"docker-compose": {"restart"},
	"nginx":          {"reload"}, "apachectl": {"restart", "graceful"}, "apache2ctl": {"restart", "graceful"},
	"ldconfig": nil, "depmod": nil,
	"sysctl":  {"-p", "--load", "--system"},
	"udevadm": {"control", "trigger"},
	"kill":    {"-HUP", "-SIGHUP", "-1", "HUP"}, "pkill": {"-HUP", "-SIGHUP", "-1", "HUP"}, "killall": {"-HUP", "-SIGHUP", "-1", "HUP"},
}

func refreshes(command []string) bool {
	verbs, known := refreshVerbs[command[0]]
	if !known {
		return len(command) > 1 && slices.Contains([]string{"restart", "reload", "force-reload"}, command[len(command)-1])
	}
	return verbs == nil || slices.ContainsFunc(command[1:], func(word string) bool { return slices.Contains(verbs, word) })
}
