// Package run carries out one run: its steps in their order, their undos when it turns back, and its end. A
// Runner is the work of one process on it, and State is what the journal says of it, bound to the recipe. A
// live run and a recovery use both in the same way.
//
// What it promises, file by file:
//
//	step.go, attempt_loop.go        when ⊃ retry ⊃ timeout ⊃ action ⊃ until; allow-failure
//	mutate.go                       prepare; memo and intent durable; do; effects durable; then the result
//	block.go, rescue.go             a group is undone before its rescue; its finally runs good or bad
//	parallel.go, for_each.go,
//	use.go                          branches side by side, rounds, and used recipes
//	scope_instance.go, state*.go    what a step may read: journaled values only, live and in a recovery
//	commit.go, lease.go             the point of no return, and what is kept for a rollback by hand
//	undo_order.go, unwind.go,
//	undo_last.go                    newest first, branch by branch, uncancelled, each with its own time-out
//	journal_retry.go, reserve.go    a journal that fails while undos run, and the space kept for them
//	suspend.go, hand_over.go        what is awaited is durable, and the process ends, or another gwe continues
//	early_boot.go, target_mounts.go what waits for services, or for a mount
//	finish.go                       failsafe, finally, outputs, the last record, the exit code
//	redact.go, secrets.go           no secret, and nothing computed from one, in an error or the journal
//
// What lies above one run is the engine's: locks, other runs, which run is recovered or rolled back. A run
// has it as values and functions of its Config. It may import program, runstate, step, plugin, proof, schema
// and leaves; never plan.
package run
