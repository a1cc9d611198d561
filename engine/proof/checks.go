package proof

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/schema"
)

// checksThatDecide: a check is there to stop the run, or to roll it back. After the commit, and where its
// failure is forgiven, it does neither.
func (c *checker) checksThatDecide() {
	for i, a := range c.acts {
		if !a.looks() || c.readByID(a.step) {
			continue
		}
		switch {
		case a.forgiven() && !a.committed && a.step.AllowFailure:
			c.warn(a.step, a.leaf.Key.Span, CheckIgnored, fmt.Sprintf("nothing depends on this %s: with allow-failure the run continues where it fails", a.leaf.Key.Text),
				"leave out allow-failure, or give the step an id and read its outputs in a when")
		case a.committed && !a.forgiven() && !slices.ContainsFunc(c.acts[i+1:], func(later *act) bool { return !later.looks() && later.leaf.Type != nil }):
			c.warn(a.step, a.leaf.Key.Span, CheckAfterCommit,
				fmt.Sprintf("this %s stands after the commit: where it fails, the new version stays, and the run ends with exit code 7", a.leaf.Key.Text),
				"move it before the commit, so that a failure rolls the run back; or add allow-failure: true")
		}
	}
}

// failureIgnored: what later steps build on must not be allowed to fail.
func (c *checker) failureIgnored() {
	for i, a := range c.acts {
		if !a.forgiven() || a.committed || a.rescuing || a.leaf.Type == nil {
			continue
		}
		for _, made := range c.changes(a.leaf, step.Writes, step.Swaps) {
			for _, later := range c.acts[i+1:] {
				if later.leaf.Type == nil || later.committed || later.forgiven() || later.guarded() || later.looks() {
					continue
				}
				if at := c.usedBy(later.leaf, made); at != "" {
					c.report(a.step, a.leaf.Key.Span, FailureIgnored,
						fmt.Sprintf("this %s may fail, and %s on line %d continues with %s as if it had not", a.leaf.Key.Text, later.leaf.Key.Text, later.leaf.Key.Line, shown(at)),
						"leave out allow-failure, or guard the later step with a when")
					return
				}
			}
		}
	}
}

// usedBy is the path that a step reads, or changes, in what another one made; "" where it does not.
func (c *checker) usedBy(leaf schema.Leaf, made path) path {
	for _, read := range c.reads(leaf) {
		if made.covers(read) {
			return read
		}
	}
	for _, changed := range c.changes(leaf, step.Writes, step.Removes, step.Swaps) {
		if made.covers(changed) && changed != made {
			return changed
		}
	}
	return ""
}

// verifyLate: a package is verified before it is used, with keys that it does not bring itself.
func (c *checker) verifyLate() {
	for i, a := range c.acts {
		if a.leaf.Type == nil {
			continue
		}
		if hasArgument(a.leaf, "keyring") {
			node, _ := a.leaf.Arguments.Get("keyring")
			for _, keys := range c.paths(node) {
				if from := c.madeBefore(i, keys); from != nil {
					c.report(a.step, spanOf(a.leaf, "keyring"), KeysFromPackage, fmt.Sprintf("the keys come out of what %s on line %d made: who made the package chose them", from.leaf.Key.Text, from.leaf.Key.Line),
						"keep the keys in a directory that no update writes, /etc/gwe/keys")
				}
			}
		}
		if !a.looks() || !hasArgument(a.leaf, "keyring") && !hasArgument(a.leaf, "expected") {
			continue
		}
		for _, name := range []string{"package", "path"} {
			node, given := a.leaf.Arguments.Get(name)
			if !given {
				continue
			}
			for _, verified := range c.paths(node) {
				if earlier := c.readBefore(i, verified); earlier != nil {
					c.report(a.step, a.leaf.Key.Span, VerifyLate, fmt.Sprintf("%s on line %d has used %s before it is verified here", earlier.leaf.Key.Text, earlier.leaf.Key.Line, shown(verified)),
						"move this step above it")
				}
			}
		}
	}
}

// madeBefore is the step before number that made what the path lies in, by its effects or as its output path.
func (c *checker) madeBefore(number int, at path) *act {
	if at == "" {
		return nil
	}
	for _, earlier := range c.acts[:number] {
		if earlier.looks() || earlier.leaf.Type == nil {
			continue
		}
		if earlier.step.ID != nil && strings.HasPrefix(string(at), "${{steps."+earlier.step.ID.Text+".") {
			return earlier
		}
		for _, made := range c.touched(earlier).writes {
			if made.covers(at) && hasArgument(earlier.leaf, "link-dest") {
				return earlier
			}
		}
	}
	return nil
}

// readBefore is the step before number that reads the path and changes something.
func (c *checker) readBefore(number int, at path) *act {
	if at == "" {
		return nil
	}
	for _, earlier := range c.acts[:number] {
		if earlier.leaf.Type == nil || earlier.looks() || hasArgument(earlier.leaf, "keyring") {
			continue
		}
		if slices.Contains(c.touched(earlier).reads, at) {
			return earlier
		}
	}
	return nil
}
