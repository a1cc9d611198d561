package proof

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/schema"
)

// bootSetters are the programs that say what a machine boots next.
var bootSetters = []string{
	"fw_setenv", "fw_saveenv", "grub-reboot", "grub2-reboot", "grub-set-default", "grub2-set-default", "grub-editenv", "grub2-editenv", "efibootmgr", "bootctl",
	"extlinux", "rauc", "swupdate", "mender", "mender-update", "ostree", "rpm-ostree", "bootupd", "abootctl", "bootcount", "flash_eraseall", "kexec", "tryboot",
}

// reboots: a machine that falls back to the old system has rebooted well, and only expect tells the
// difference.
func (c *checker) reboots() {
	for i, a := range c.acts {
		reboot, ok := a.step.Action.(schema.Reboot)
		if !ok {
			continue
		}
		if a.committed {
			c.warn(a.step, reboot.Key.Span, RebootAfterCommit, "the reboot stands after the commit: a machine that does not come up well is not rolled back", "move the commit below it")
		}
		if reboot.Expect != nil {
			continue
		}
		for _, earlier := range c.acts[:i] {
			if setter := bootSetter(earlier.leaf); setter != "" {
				c.report(a.step, reboot.Key.Span, RebootUnchecked, fmt.Sprintf("%s on line %d chooses what boots, and nothing asks whether that came up: a boot loader that falls back looks like success", setter, earlier.leaf.Key.Line),
					`add expect: with a fact that tells the systems apart, expect: facts.slot == "b"`)
				break
			}
		}
	}
}

func bootSetter(leaf schema.Leaf) string {
	for _, command := range commands(words(leaf)) {
		for _, name := range bootSetters {
			if command[0] == name || strings.HasPrefix(command[0], "boot-") || strings.HasSuffix(command[0], "-slot") || strings.HasPrefix(command[0], "set-boot") {
				return command[0]
			}
		}
	}
	return ""
}

// stoppedForGood: what a run stops before its commit, it starts again.
func (c *checker) stoppedForGood() {
	for i, a := range c.acts {
		if a.leaf.Type == nil || a.committed || a.step.EffectsNone != nil {
			continue
		}
		stopped := stopsWhat(a.leaf)
		if len(stopped) == 0 || c.mayStart(c.acts[i+1:], stopped) {
			continue
		}
		c.warn(a.step, a.leaf.Key.Span, StoppedForGood, fmt.Sprintf("%s is stopped here, and after a good end nothing has started it again", strings.Join(stopped, ", ")),
			"start it in a step below, before the commit")
	}
}

// stopsWhat are the programs that a step stops.
func stopsWhat(leaf schema.Leaf) []string {
	if literal(leaf, "action") == "stop" {
		node, _ := leaf.Arguments.Get("programs")
		var names []string
		for _, one := range texts(node) {
			names = append(names, one.Text)
		}
		return names
	}
	var names []string
	for _, command := range commands(words(leaf)) {
		if _, known := refreshVerbs[command[0]]; !known || !slices.Contains(command, "stop") {
			continue
		}
		for _, word := range command[1:] {
			if word != "stop" && !strings.HasPrefix(word, "-") && !strings.HasPrefix(word, "unix://") {
				names = append(names, word)
			}
		}
	}
	return names
}

// mayStart reports whether a later step starts one of the programs, or may.
func (c *checker) mayStart(later []*act, stopped []string) bool {
	for _, a := range later {
		switch a.step.Action.(type) {
		case schema.Reboot, schema.Use, schema.HandOver:
			return true
		}
		if a.leaf.Type == nil || a.step.EffectsNone != nil {
			continue
		}
		if len(stopsWhat(a.leaf)) > 0 {
			continue
		}
		if slices.Contains([]string{"start", "restart", "update", "restart-daemon"}, literal(a.leaf, "action")) {
			return true
		}
		if a.leaf.Type.About().Opaque() {
			return true // nobody knows what else a program does
		}
	}
	for _, s := range c.recipe.Finally {
		if leaf, ok := s.Action.(schema.Leaf); ok && leaf.Type != nil && len(effects(leaf)) > 0 {
			return true
		}
	}
	return false
}
