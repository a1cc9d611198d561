// Package proof follows every path through a recipe before anything runs, and names what could leave the
// machine between the old version and the new one: an effect without an undo, an undo whose ground was taken
// away, a step that nothing leads to, a path that no lock covers.
//
// Each rule has a name, which diagnostics carry and which a step may allow with a reason:
//
//	allow: { lock-uncovered: the log is shared on purpose }
//
// The rules judge what the step types declare (step.About: effects, and whether there is an undo) and what
// the recipe says. They compare paths as they are written, expressions included; a path that is known only at
// run time is not a reason to refuse. Recovery does not ask them: a frozen recipe that ran is rolled back by
// whatever gwe is there.
//
// It may import schema, step, expression and value.
package proof
