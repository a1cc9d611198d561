package proof

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/schema"
)

// placing: where things are put, and when.
func (c *checker) placing() {
	for i, a := range c.acts {
		if a.leaf.Type == nil {
			continue
		}
		c.insideItself(a)
		c.ontoDirectory(a)
		c.volatileTarget(a)
		c.cronLine(a)
		if len(c.acts) <= mostActs {
			c.oldReleaseChanged(i, a)
			c.linkTaken(i, a)
			c.usedEarly(i, a)
			c.linkToRelease(a)
			c.writtenTwice(i, a)
		}
	}
}

// insideItself: a copy does not lie in what is copied.
func (c *checker) insideItself(a *act) {
	for _, ends := range [][2]string{{"from", "to"}, {"source", "target"}} {
		from, to := c.path(literal(a.leaf, ends[0])), c.path(literal(a.leaf, ends[1]))
		if _, excludes := a.leaf.Arguments.Get("exclude"); hasArgument(a.leaf, ends[0], ends[1]) && from.covers(to) && !excludes {
			c.report(a.step, spanOf(a.leaf, ends[1]), InsideItself, fmt.Sprintf("%s lies in %s, which %s takes it from", shown(to), shown(from), a.leaf.Key.Text), "choose a place beside it")
		}
	}
}

// ontoDirectory: a path that ends with a slash means a directory to a shell; here it is the new entry's own
// path.
func (c *checker) ontoDirectory(a *act) {
	if !hasArgument(a.leaf, "from", "to") && !hasArgument(a.leaf, "content", "path") {
		return
	}
	for _, name := range []string{"to", "path"} {
		text := literal(a.leaf, name)
		if len(text) < 2 || !strings.HasSuffix(text, "/") || hasArgument(a.leaf, "recursive") || strings.HasSuffix(literal(a.leaf, "from"), "/") {
			continue
		}
		hint := "write the whole path of the new file"
		if from := literal(a.leaf, "from"); from != "" && name == "to" {
			hint = fmt.Sprintf("write %s: %s%s; or leave the slash out", name, text, filepath.Base(from))
		}
		c.warn(a.step, spanOf(a.leaf, name), OntoDirectory, fmt.Sprintf("%s puts it at %s, not into it", a.leaf.Key.Text, strings.TrimSuffix(text, "/")), hint)
	}
}

// switchedLater is the first link above or at the path that a later step switches, and that none has switched
// before.
func (c *checker) switchedLater(number int, at path) *act {
	for i, later := range c.acts {
		for _, link := range c.touched(later).swaps {
			if link.covers(at) && link != at { // else link-taken says that
				if i > number && !later.committed {
					return later
				}
				return nil
			}
		}
	}
	return nil
}

// oldReleaseChanged: before the switch, what lies below the link is the old release, to which a rollback
// returns.
func (c *checker) oldReleaseChanged(number int, a *act) {
	for _, written := range c.touched(a).writes {
		if later := c.switchedLater(number, written); later != nil {
			c.warn(a.step, a.leaf.Key.Span, OldReleaseChanged, fmt.Sprintf("before the switch of line %d, %s lies in the old release: the new one does not get it", later.leaf.Key.Line, shown(written)),
				"write into the new release's own directory, or below the switch")
			return
		}
	}
}

// linkTaken: a link does not take the name of what was just made.
func (c *checker) linkTaken(number int, a *act) {
	for _, link := range c.touched(a).swaps {
		for _, earlier := range c.acts[:number] {
			if earlier.leaf.Type == nil || hasArgument(earlier.leaf, "link") || earlier.guarded() {
				continue
			}
			if slices.Contains(c.touched(earlier).writes, link) {
				c.report(a.step, a.leaf.Key.Span, LinkTaken, fmt.Sprintf("%s is what %s on line %d has made, and no link", shown(link), earlier.leaf.Key.Text, earlier.leaf.Key.Line),
					"link names the link, to the release: write them the other way round")
				return
			}
		}
	}
}

// usedEarly: what only a later step makes cannot be used.
func (c *checker) usedEarly(number int, a *act) {
	if a.step.When != nil || len(c.touched(a).swaps) > 0 {
		return // switch-early says that
	}
	reads := c.touched(a).reads
	if hasArgument(a.leaf, "mode", "recursive") {
		reads = slices.Concat(reads, c.touched(a).writes)
	}
	for _, read := range reads {
		made := func(one *act) bool {
			return meets(c.touched(one).writes, read) || meets(c.touched(one).swaps, read)
		}
		if slices.ContainsFunc(c.acts[:number], made) || slices.ContainsFunc(c.acts[:number], func(one *act) bool {
			return one.leaf.Type != nil && one.leaf.Type.About().Opaque() && one.step.EffectsNone == nil
		}) {
			continue
		}
		for _, later := range c.acts[number+1:] {
			if later.leaf.Type == nil || !hasArgument(later.leaf, "archive", "to") {
				continue
			}
			for _, fresh := range c.touched(later).writes {
				if fresh.covers(read) && !a.missingOK() {
					c.report(a.step, a.leaf.Key.Span, UsedEarly, fmt.Sprintf("%s is what %s on line %d makes only later", shown(read), later.leaf.Key.Text, later.leaf.Key.Line), "move this step below it")
					return
				}
			}
		}
	}
}

// missingOK reports whether the step is content where there is nothing.
func (a *act) missingOK() bool {
	return literal(a.leaf, "missing") == "ok" || literal(a.leaf, "state") == "absent" || hasArgument(a.leaf, "at-least")
}

// linkToRelease: a link from the system into a release leads through the link that is switched, or the next
// update leaves it behind.
func (c *checker) linkToRelease(a *act) {
	if !hasArgument(a.leaf, "link", "to") || len(c.touched(a).swaps) > 0 {
		return
	}
	to := c.path(textOfArgument(a.leaf, "to"))
	for _, switched := range c.acts {
		for _, link := range c.touched(switched).swaps {
			release := c.path(textOfArgument(switched.leaf, "to"))
			if release.covers(to) && release != to && !release.covers(link) && !slices.ContainsFunc(c.touched(a).writes, release.covers) {
				through := string(link) + strings.TrimPrefix(string(to), string(release))
				c.warn(a.step, spanOf(a.leaf, "to"), LinkToRelease, fmt.Sprintf("this link leads into one release: the next update leaves it there, and %s leads elsewhere", shown(link)),
					"write to: "+shown(path(through)))
				return
			}
		}
	}
}

// textOfArgument is the text of an argument, with its expressions; "" where it is not given.
func textOfArgument(leaf schema.Leaf, name string) string {
	node, _ := leaf.Arguments.Get(name)
	scalar, _ := node.(schema.Scalar)
	return scalar.Text
}

// writtenTwice: a file that is written whole twice has what the last step wrote.
func (c *checker) writtenTwice(number int, a *act) {
	if !c.touched(a).whole || a.guarded() || a.rescuing {
		return
	}
	for _, written := range c.touched(a).writes {
		if !written.fixed() {
			continue
		}
		for i := number - 1; i >= 0; i-- {
			earlier := c.acts[i]
			if !c.touched(earlier).whole {
				break // something may have used it
			}
			if slices.Contains(c.touched(earlier).writes, written) && !earlier.guarded() && !inBranches(a) && slices.Equal(earlier.around, a.around) {
				c.warn(a.step, a.leaf.Key.Span, WrittenTwice, fmt.Sprintf("line %d has written %s, and nothing has used it: only this one stays", earlier.leaf.Key.Line, shown(written)),
					"take one of them out, or write one text with the lines of both")
				return
			}
		}
	}
}

// inBranches reports whether the step is a branch of a parallel itself: parallel-conflict says that.
func inBranches(a *act) bool {
	if len(a.around) == 0 {
		return false
	}
	_, branches := a.around[len(a.around)-1].Action.(schema.Parallel)
	return branches
}

// volatile are directories that are empty after a boot.
var volatile = regexp.MustCompile(`^/(?:tmp|run|var/run|var/tmp|dev/shm)/`)

// volatileTarget: what a link leads to is there after the next boot.
func (c *checker) volatileTarget(a *act) {
	if len(c.touched(a).swaps) == 0 {
		return
	}
	for _, to := range c.touched(a).reads {
		if volatile.MatchString(string(to)) && !slices.ContainsFunc(c.touched(a).swaps, func(link path) bool { return volatile.MatchString(string(link)) }) {
			c.report(a.step, spanOf(a.leaf, "to"), VolatileTarget, fmt.Sprintf("%s is gone after the next boot, and the link leads to nothing", shown(to)), "install the release on a file system that stays")
		}
	}
}

// cronLine: cron passes over files whose names hold a dot, and over a last line without an end.
func (c *checker) cronLine(a *act) {
	for _, written := range c.touched(a).writes {
		name, found := strings.CutPrefix(string(written), "/etc/cron.d/")
		if !found || hasArgument(a.leaf, "recursive") {
			continue
		}
		if content := literal(a.leaf, "content"); content != "" && !strings.HasSuffix(content, "\n") {
			c.warn(a.step, spanOf(a.leaf, "content"), CronLine, "cron passes over a last line without a line end", `end the text with \n in double quotes, or write it below content: |`)
		}
		if strings.Contains(name, ".") {
			c.warn(a.step, a.leaf.Key.Span, CronLine, fmt.Sprintf("cron passes over %s: a name in /etc/cron.d has no dot", name), "write "+strings.ReplaceAll(name, ".", "-"))
		}
	}
}
