// Package engine runs recipes: it plans them, carries them out, undoes them, and finishes what a crash left.
// It knows no step type by name.
//
// It is the public API, and what lies above one run. Below it, internal/program says what a recipe means,
// internal/plan what a run would do, internal/run carries one run out, and internal/runstate is what is on
// disk of runs.
//
// Where each promise is kept, in the order in which a run comes to it:
//
//	internal/program          a recipe is compiled and typed whole before anything runs; inputs are checked
//	facts.go                  what a run finds out about the machine, once
//	engine.go                 the order of a run: lock, recover, inputs, checks of the plan, steps
//	resource_limits.go        a run that could not be undone for want of open files is refused
//	lock.go                   one run lock a state directory, a claim on each target; the files of a run
//	internal/runstate/foreign_runs.go
//	                          what the runs of other state directories owe, and what they committed on top
//	plan.go, preflight.go,
//	internal/plan             do and undo side by side, without acting; the checks before a run
//	internal/run              steps, the order that makes them safe, undos, the end: its doc.go lists where
//	release.go                what earlier runs kept for their undos is released by a later commit
//	rollback*.go, forget.go   a committed run rolled back by hand: what stands in the way, what is released
//	handoff_*.go              another gwe continues the run, or else the one that began it rolls it back
//	suspension_decision.go, resume.go, confirm.go
//	                          what became of a wait; the run is in progress in another process, or is undone
//	rollback_reboot.go        whether the machine is in the previous system, when all is undone
//	boot_loop.go              a recovery that takes the machine down again and again comes to an end
//	recover.go, stored_run.go what dead runs left: survivors ended, frames undone from the frozen recipe
//	internal/runstate         the one fold of the journal; records that cannot follow are refused
//	plugins.go                the plugins of a run: kept by their digests, found again by a recovery
//
// It may import schema and the rooms below it (step, expression, host, journal, tasklog, durable, process,
// value, fault, claim), and nothing of steps, cmd or bundle.
package engine
