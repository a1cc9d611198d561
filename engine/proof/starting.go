package proof

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// starting: when programs take up what is new, and who has seen it before the commit.
func (c *checker) starting() {
	for i, a := range c.acts {
		c.rebootShort(a)
		if len(c.acts) <= mostActs {
			c.unitNotRead(i, a)
			c.restartAfterCommit(i, a)
			c.confirmEarly(i, a)
			c.switchForgiven(i, a)
		}
	}
	c.failsafeNew()
	every(c.recipe, c.secretRedirected)
}

var (
	units    = regexp.MustCompile(`^(?:/etc|/usr/lib|/lib|/run)/systemd/system/.*\.(?:service|socket|timer|mount|path|target|conf)$`)
	programs = regexp.MustCompile(`^/etc/supervisor(?:d)?(?:/.*)?/[^/]+\.(?:conf|ini)$`)
)

// unitNotRead: systemd and supervisord start programs by what they read of them last.
func (c *checker) unitNotRead(number int, a *act) {
	if a.leaf.Type == nil {
		return
	}
	for _, written := range c.changes(a.leaf, step.Writes, step.Swaps) {
		unit, program := units.MatchString(string(written)), programs.MatchString(string(written))
		if !unit && !program {
			continue
		}
		for _, later := range c.acts[number+1:] {
			if later.leaf.Type == nil || later.step.EffectsNone != nil {
				continue
			}
			action := literal(later.leaf, "action")
			if program && slices.Contains([]string{"update", "restart-daemon"}, action) {
				return
			}
			if program && slices.Contains([]string{"start", "restart"}, action) {
				c.warn(later.step, spanOf(later.leaf, "action"), UnitNotRead, fmt.Sprintf("supervisord has not read %s of line %d: the programs start as before", shown(written), a.leaf.Key.Line), "write action: update, which reads it and restarts what changed")
				return
			}
			all := commands(words(later.leaf))
			for _, command := range all {
				tells := func(words ...string) bool {
					return slices.ContainsFunc(command[1:], func(word string) bool { return slices.Contains(words, word) })
				}
				switch {
				case unit && command[0] == "systemctl" && tells("daemon-reload", "daemon-reexec"), program && command[0] == "supervisorctl" && tells("update", "reread", "reload"):
					return
				case unit && command[0] == "systemctl" && tells("start", "restart", "try-restart", "reload-or-restart"):
					c.report(later.step, later.leaf.Key.Span, UnitNotRead, fmt.Sprintf("systemd has not read %s of line %d: the old unit is started", shown(written), a.leaf.Key.Line),
						"put a step before it: run: {argv: [systemctl, daemon-reload]}, with undo-last: [{run: {argv: [systemctl, daemon-reload]}}]")
					return
				}
			}
			if len(all) == 0 && later.leaf.Type.About().Opaque() {
				return // nobody knows what a program does
			}
		}
	}
}

// restartAfterCommit: the new version runs before the commit, so that one that does not start is rolled back.
func (c *checker) restartAfterCommit(number int, a *act) {
	if !a.committed || a.leaf.Type == nil || a.step.EffectsNone != nil || a.step.AllowFailure || refresh(a.leaf) == "" {
		return
	}
	switched := slices.IndexFunc(c.acts[:number], func(one *act) bool { return !one.committed && len(c.touched(one).swaps) > 0 })
	if switched < 0 {
		return
	}
	for _, between := range c.acts[switched+1:] {
		if between.committed {
			break
		}
		switch between.step.Action.(type) {
		case schema.Reboot, schema.HandOver, schema.Use:
			return
		}
		if between.leaf.Type != nil && between.step.EffectsNone == nil && runs(between.leaf) {
			return // it may have started it
		}
	}
	if slices.ContainsFunc(c.acts[:number], func(one *act) bool { return one.committed && one.leaf.Type != nil && refresh(one.leaf) != "" }) {
		return // said of the first one
	}
	c.warn(a.step, a.leaf.Key.Span, RestartAfterCommit, fmt.Sprintf("the new version of line %d is started after the commit: where it does not start, nothing is rolled back", c.acts[switched].leaf.Key.Line),
		"move the commit below it, and below a check of the new version")
}

// runs reports whether the step runs a program, or tells one something.
func runs(leaf schema.Leaf) bool {
	return slices.ContainsFunc(effects(leaf), func(e step.Effect) bool { return e.Kind == step.Runs || e.Kind == step.Refreshes })
}

// confirmEarly: who confirms has seen the new version at work.
func (c *checker) confirmEarly(number int, a *act) {
	confirm, ok := a.step.Action.(schema.Confirm)
	if !ok {
		return
	}
	acts := func(one *act) bool { return one.leaf.Type != nil && !one.looks() }
	if !slices.ContainsFunc(c.acts[:number], acts) {
		if slices.ContainsFunc(c.acts[number+1:], acts) {
			c.warn(a.step, confirm.Key.Span, ConfirmEarly, "nothing was changed before this confirm: there is nothing to confirm yet", "move it below the steps that install and start the new version")
		}
		return
	}
	for _, later := range c.acts[number+1:] {
		if later.leaf.Type != nil && !later.committed && len(c.touched(later).swaps) > 0 {
			c.warn(a.step, confirm.Key.Span, ConfirmEarly, fmt.Sprintf("the switch of line %d comes after this confirm: who confirms has not seen the new version", later.leaf.Key.Line), "move it below the switch, and below the restart")
			return
		}
	}
}

// switchForgiven: where the switch may fail and the run is in progress, the commit says of the old version
// that the new one is in place.
func (c *checker) switchForgiven(number int, a *act) {
	if a.leaf.Type == nil || a.committed || a.rescuing || a.guarded() || len(c.touched(a).swaps) == 0 {
		return
	}
	why := ""
	if a.forgiven() {
		why = "with allow-failure"
	}
	for _, s := range a.around {
		if group, ok := s.Action.(schema.Group); ok && len(group.Rescue) > 0 && !ends(group.Rescue) {
			why = fmt.Sprintf("with the rescue of line %d", group.Rescue[0].Line)
		}
	}
	if why == "" {
		return
	}
	for _, later := range c.acts[number+1:] {
		commit, commits := later.step.Action.(schema.Commit)
		if commits {
			c.report(a.step, a.leaf.Key.Span, FailureIgnored, fmt.Sprintf("%s this switch may fail, and the commit of line %d says that all is well", why, commit.Key.Line),
				"let its failure count: leave out allow-failure, or end the rescue with assert: {that: false, message: WHY}")
			return
		}
	}
}

// ends reports whether a rescue ends the run, or may.
func ends(rescue []*schema.Step) bool {
	return slices.ContainsFunc(rescue, func(s *schema.Step) bool {
		if _, stops := s.Action.(schema.Stop); stops {
			return true
		}
		leaf, ok := s.Action.(schema.Leaf)
		return ok && leaf.Type != nil && (hasArgument(leaf, "that") || len(effects(leaf)) > 0 && s.EffectsNone == nil)
	})
}

// shortestBoot is less than any machine takes to boot.
const shortestBoot = 20 * time.Second

// rebootShort: a machine takes its time to come up.
func (c *checker) rebootShort(a *act) {
	reboot, ok := a.step.Action.(schema.Reboot)
	if !ok {
		return
	}
	if within, known := literalDuration(reboot.Within); known && within < shortestBoot {
		c.warn(a.step, reboot.Within.Span, TimeoutTooShort, fmt.Sprintf("no machine boots within %s: the run would be rolled back while it does", value.DurationOf(within)), "write within: 10m, for example")
	}
}

// failsafeNew: the failsafe leads to what was there before this run, and programs take that up.
func (c *checker) failsafeNew() {
	restarts := slices.ContainsFunc(c.recipe.Failsafe, func(s *schema.Step) bool {
		leaf, ok := s.Action.(schema.Leaf)
		if !ok {
			return true
		}
		return leaf.Type != nil && runs(leaf)
	})
	for _, s := range c.recipe.Failsafe {
		leaf, ok := s.Action.(schema.Leaf)
		if !ok || leaf.Type == nil {
			continue
		}
		links := c.changes(leaf, step.Swaps)
		for _, a := range c.acts {
			if a.leaf.Type == nil || !slices.ContainsFunc(c.touched(a).swaps, func(link path) bool { return slices.Contains(links, link) }) {
				continue
			}
			if to := c.path(textOfArgument(leaf, "to")); to != "" && to == c.path(textOfArgument(a.leaf, "to")) {
				c.report(s, spanOf(leaf, "to"), FailsafeNew, fmt.Sprintf("the failsafe leads to what line %d has just switched to: the version that failed", a.leaf.Key.Line), "name a release that no run changes")
				return
			}
		}
		if len(links) > 0 && !restarts && slices.ContainsFunc(c.acts, func(a *act) bool {
			return a.leaf.Type != nil && a.step.EffectsNone == nil && !a.committed && refresh(a.leaf) != ""
		}) {
			c.warn(s, leaf.Key.Span, FailsafeNew, "the failsafe switches the link, and no program is told: the version that failed runs on", "add the restart after it, as the steps have it")
			return
		}
	}
}

// secretRedirected: a file that a shell makes can be read by every user, unless the script says otherwise.
func (c *checker) secretRedirected(s *schema.Step) {
	leaf, ok := s.Action.(schema.Leaf)
	if !ok || leaf.Type == nil {
		return
	}
	script := literal(leaf, "script")
	node, _ := leaf.Arguments.Get("env")
	variables, _ := node.(schema.Map)
	if script == "" || strings.Contains(script, "umask") || strings.Contains(script, "chmod") || strings.Contains(script, "install ") {
		return
	}
	for _, entry := range variables.Entries {
		if !slices.ContainsFunc(texts(entry.Value), func(one schema.Scalar) bool { return c.readsSecret(one.Text) }) {
			continue
		}
		if regexp.MustCompile(`\$\{?` + regexp.QuoteMeta(entry.Key.Text) + `\b[^\n|]*>\s*"?/`).MatchString(script) {
			c.report(s, spanOf(leaf, "script"), SecretReadable, "the shell makes a file that every user of the machine can read, with the secret in it", `write it by write: {path: ..., content: ..., mode: "0600"}; or begin the script with umask 077`)
			return
		}
	}
}
