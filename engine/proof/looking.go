package proof

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/schema"
)

// lookings: a step that only looks is there to decide something, at a time when it still can.
func (c *checker) lookings() {
	for i, a := range c.acts {
		if !a.looks() {
			continue
		}
		c.assertDecided(a)
		if len(c.acts) <= mostActs {
			c.checkNothing(i, a)
			c.checkLate(i, a)
			c.checkStopped(i, a)
			c.verifyUnused(i, a)
		}
	}
	every(c.recipe, c.checkInParallel)
	every(c.recipe, c.neverFails)
}

// checkNothing: a check that compares nothing, and whose outputs nothing reads, decides nothing.
func (c *checker) checkNothing(number int, a *act) {
	if c.readByID(a.step) {
		return
	}
	given := func(name string) bool { _, there := a.leaf.Arguments.Get(name); return there }
	switch {
	case hasArgument(a.leaf, "expected", "sums") && !given("expected") && !given("sums"):
		c.warn(a.step, a.leaf.Key.Span, CheckNothing, fmt.Sprintf("this %s compares the file with nothing, and nothing reads its digest", a.leaf.Key.Text), "add expected: or sums:")
	case hasArgument(a.leaf, "at-least") && !given("at-least"):
		c.warn(a.step, a.leaf.Key.Span, CheckNothing, fmt.Sprintf("this %s asks for no amount, and nothing reads what it found", a.leaf.Key.Text), "add at-least: with what the later steps need")
	case hasArgument(a.leaf, "missing") && literal(a.leaf, "missing") == "ok" && a.step.EffectsNone == nil:
		c.warn(a.step, a.leaf.Key.Span, CheckNothing, fmt.Sprintf("with missing: ok this %s always ends well, and nothing reads what it found", a.leaf.Key.Text), "give it an id and read its outputs, or take it out")
	case hasArgument(a.leaf, "file", "state", "within") && literal(a.leaf, "state") != "absent":
		waited := c.path(literal(a.leaf, "file"))
		for _, earlier := range c.acts[:number] {
			if waited != "" && slices.Contains(c.touched(earlier).writes, waited) && !earlier.guarded() {
				c.warn(a.step, a.leaf.Key.Span, CheckNothing, fmt.Sprintf("%s on line %d makes %s itself: there is nothing to wait for", earlier.leaf.Key.Text, earlier.leaf.Key.Line, shown(waited)),
					"wait for what the program makes")
				return
			}
		}
	}
}

// checkLate: how much space is free is asked before it is used.
func (c *checker) checkLate(number int, a *act) {
	if _, asks := a.leaf.Arguments.Get("at-least"); !asks || !hasArgument(a.leaf, "at-least") {
		return
	}
	fills := func(one *act) bool {
		return hasArgument(one.leaf, "from", "to") || hasArgument(one.leaf, "into") || hasArgument(one.leaf, "archive") || hasArgument(one.leaf, "source", "target")
	}
	filled := slices.IndexFunc(c.acts[:number], func(one *act) bool { return !one.looks() && fills(one) })
	if filled >= 0 && !slices.ContainsFunc(c.acts[number+1:], func(one *act) bool { return one.leaf.Type != nil && !one.looks() && fills(one) }) {
		c.warn(a.step, a.leaf.Key.Span, CheckLate, fmt.Sprintf("the space is asked for when %s on line %d has used it", c.acts[filled].leaf.Key.Text, c.acts[filled].leaf.Key.Line), "move this step above it")
	}
}

// checkStopped: what answers is a program, and it is stopped.
func (c *checker) checkStopped(number int, a *act) {
	_, http := a.leaf.Arguments.Get("http")
	_, tcp := a.leaf.Arguments.Get("tcp")
	if !hasArgument(a.leaf, "within") || !http && !tcp {
		return
	}
	var stopped []string
	var line int
	for _, earlier := range c.acts[:number] {
		switch names := stopsWhat(earlier.leaf); {
		case earlier.leaf.Type == nil || earlier.step.EffectsNone != nil || earlier.guarded():
		case len(names) > 0:
			stopped, line = append(stopped, names...), earlier.leaf.Key.Line
		case len(stopped) > 0 && c.mayStart([]*act{earlier}, stopped):
			stopped = nil
		}
	}
	if len(stopped) == 1 && slices.ContainsFunc(c.acts[number+1:], func(later *act) bool { return startsIt(later.leaf, stopped[0]) }) {
		c.warn(a.step, a.leaf.Key.Span, CheckStopped, fmt.Sprintf("%s is stopped since line %d and started only later: nothing answers here", stopped[0], line), "move this step below the start")
	}
}

// startsIt reports whether the step starts the program.
func startsIt(leaf schema.Leaf, name string) bool {
	if leaf.Type == nil {
		return false
	}
	if slices.Contains([]string{"start", "restart"}, literal(leaf, "action")) {
		node, _ := leaf.Arguments.Get("programs")
		return slices.ContainsFunc(texts(node), func(one schema.Scalar) bool { return one.Text == name })
	}
	return slices.ContainsFunc(commands(words(leaf)), func(command []string) bool {
		return slices.Contains(command, name) && (slices.Contains(command, "start") || slices.Contains(command, "restart"))
	})
}

// verifyUnused: what is verified is what is used then.
func (c *checker) verifyUnused(number int, a *act) {
	if !hasArgument(a.leaf, "keyring", "package") || c.readByID(a.step) {
		return
	}
	node, _ := a.leaf.Arguments.Get("package")
	for _, verified := range c.paths(node) {
		if verified == "" {
			continue
		}
		for _, later := range c.acts[number+1:] {
			if later.leaf.Type == nil || later.looks() {
				continue
			}
			archive, _ := later.leaf.Arguments.Get("archive")
			if literal(later.leaf, "unverified") == "allow" && hasArgument(later.leaf, "archive", "verified") {
				if used := c.paths(archive); slices.Contains(used, verified) {
					c.warn(later.step, spanOf(later.leaf, "unverified"), VerifyUnused, fmt.Sprintf("the file may be another one by now than line %d has verified", a.leaf.Key.Line),
						"give the step of line "+fmt.Sprint(a.leaf.Key.Line)+" an id, and write verified: ${{ steps.ID.voucher }} in place of unverified")
				} else if len(used) == 1 && used[0] != "" && !c.usedAfter(number, verified) {
					c.warn(a.step, spanOf(a.leaf, "package"), VerifyUnused, fmt.Sprintf("%s is verified, and line %d extracts %s, which is not", shown(verified), later.leaf.Key.Line, shown(used[0])),
						"verify what is extracted, and hand the voucher on: verified: ${{ steps.ID.voucher }}")
				}
				return
			}
		}
	}
}

// usedAfter reports whether a step after number, other than one that only looks, reads the path.
func (c *checker) usedAfter(number int, at path) bool {
	return slices.ContainsFunc(c.acts[number+1:], func(later *act) bool { return !later.looks() && slices.Contains(c.touched(later).reads, at) })
}

// assertDecided: a condition that the limits of the inputs decide asserts nothing.
func (c *checker) assertDecided(a *act) {
	if !hasArgument(a.leaf, "that") || a.guarded() || a.rescuing {
		return
	}
	node, _ := a.leaf.Arguments.Get("that")
	that, ok := node.(schema.Scalar)
	source := strings.TrimSpace(that.Text)
	if inner, found := strings.CutPrefix(source, "${{"); found {
		source = strings.TrimSpace(strings.TrimSuffix(inner, "}}"))
	}
	if !ok || strings.Contains(source, "${{") {
		return
	}
	condition := schema.Scalar{Text: source, Span: that.Span}
	truth, decided := constant(&condition)
	if !decided {
		truth, decided = c.decided(&condition)
	}
	switch {
	case decided && truth:
		c.warn(a.step, that.Span, GuardDecided, source+" always holds: this step can never refuse anything", "take it out, or assert what may be false")
	case decided:
		c.warn(a.step, that.Span, GuardDecided, source+" never holds: no run gets past this step", "put a when beside it, or correct the condition")
	}
}

// checkInParallel: branches run at the same time, so a check beside a restart looks at the old program.
func (c *checker) checkInParallel(s *schema.Step) {
	parallel, ok := s.Action.(schema.Parallel)
	if !ok {
		return
	}
	for i, branch := range parallel.Branches {
		leaves(branch, func(inner *schema.Step, leaf schema.Leaf) {
			a := &act{step: inner, leaf: leaf}
			if !a.looks() || !hasArgument(leaf, "within") {
				return
			}
			for j, other := range parallel.Branches {
				leaves(other, func(restarted *schema.Step, restarts schema.Leaf) {
					if i != j && restarted.EffectsNone == nil && refresh(restarts) != "" {
						c.warn(inner, leaf.Key.Span, CheckEarly, fmt.Sprintf("this check runs at the same time as the restart of line %d: it may look at the old program", restarts.Key.Line),
							"move it below the parallel")
					}
				})
			}
		})
	}
}

// swallowed finds a script whose last command cannot fail.
var swallowed = regexp.MustCompile(`(?s)^[^\n|&;]+\|\|\s*(?:true|:|exit 0)\s*$`)

// neverFails: a program that only looks, and cannot fail, checks nothing.
func (c *checker) neverFails(s *schema.Step) {
	leaf, ok := s.Action.(schema.Leaf)
	if !ok || leaf.Type == nil || s.EffectsNone == nil || c.readByID(s) || s.Until != nil {
		return
	}
	if script := strings.TrimSpace(literal(leaf, "script")); swallowed.MatchString(script) {
		c.warn(s, spanOf(leaf, "script"), CheckIgnored, "the script ends well whatever its program says, and nothing reads its outputs: this checks nothing", "leave out || true, or read its outputs in a when")
	}
}
