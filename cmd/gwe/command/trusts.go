package command

import (
	"os"
	"path/filepath"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/trust"
)

// acceptsUntrusted reports whether the operator accepts files that a less trusted user can change: for
// development.
func (c *console) acceptsUntrusted() bool { return c.environment("GWE_UNTRUSTED") == "accept" }

// trusts refuses a recipe that root is about to run and that a less trusted user can change. Where nothing is
// run, the refusal is noted for the plan. A descriptor that the caller opened is the caller's word.
func (c *console) trusts(file string) error {
	if c == nil || os.Geteuid() != 0 || c.acceptsUntrusted() || regular.Handed(file) {
		return nil
	}
	weak, err := trust.Find(file)
	if err != nil || weak == nil {
		return nil // what cannot be found is told by its reading
	}
	refusal := fault.New(fault.Refused, "recipe-untrusted", "cannot run the recipe %s as root: %v", file, weak).
		WithHint("copy it to where only root can write: `install -D -m 644 %s /etc/gwe/recipes/%s`; or run: %s; for development, set GWE_UNTRUSTED=accept",
			file, filepath.Base(file), weak.Cure())
	if c.distrust == nil {
		c.distrust = refusal
	}
	if c.acts {
		return refusal
	}
	return nil
}

// distrusted adds to a plan that root would not run the recipe.
func (c *console) distrusted(plan *engine.Plan) {
	if c.distrust != nil {
		refusal := engine.Refusal{Code: c.distrust.Code, Error: c.distrust.Message, Hint: c.distrust.Hint}
		plan.Refusals = append([]engine.Refusal{refusal}, plan.Refusals...)
	}
}
