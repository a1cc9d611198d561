// Package engine runs recipes: it compiles them, plans them, carries them out, puts them back, and finishes what a crash
// left. It knows no step type by name.
//
// Where each promise is kept, in the order in which a run comes to it:
//
//	internal/program                     a recipe is compiled and typed whole before anything runs
//	names.go                             inputs are checked all at once; expressions read journaled values only
//	facts.go                             what a run finds out about the machine, once
//	engine.go                            the order of a run: lock, recover, inputs, checks of the plan, steps
//	resource_limits.go                   a run that could not be put back for want of open files is refused
//	lock.go                              one run lock a state folder, a claim on each target; the files of a run
//	internal/runstate/foreign_runs.go    what the runs of other state directories owe, and what they committed on top
//	plan.go, forecast.go                 do and undo side by side, without acting; the checks before a run
//	step.go, attempt_loop.go             when ⊃ retry ⊃ timeout ⊃ action ⊃ until; allow-failure
//	block.go, rescue.go                  a group is put back before its rescue; its finally runs good or bad, perhaps twice
//	parallel.go, for_each.go, use.go     branches side by side, rounds, and recipes of their own names, frozen with the run
//	scope_instance.go, run_state_composed.go who sees whose outputs, in a live run and in a recovery
//	mutate.go                            prepare; memo and intent durable; do; effects durable; only then the result
//	commit.go, lease.go                  the point of no return, and what stays for an undo by hand
//	undo_order.go, unwind.go             newest first, branch by branch, uncancelled, every error kept, each undo with its own time-out
//	journal_retry.go                     a journal that fails on the way back is taken up again
//	finish.go                            failsafe, finally, outputs, the last record, the exit code
//	rollback.go, rollback_*.go, forget.go  a committed run put back by hand: what stands in the way, and what is given up
//	internal/runstate                    who works on the state now, how it is asked to stop, what goes on
//	suspend.go                           a reboot or a confirm: what is awaited is durable, and the process ends
//	handoff_send.go, handoff_receive.go  another gwe goes on with the run; where it does not, the one that began it has the last word
//	suspension_decision.go, resume.go, confirm.go what became of it; the run goes on in another process, or back
//	target_mounts.go                     nothing is undone on a file system that is not there, or takes nothing
//	rollback_reboot.go                   whether the machine is in the system of before, when all is put back
//	early_boot.go                        what a recovery in front of the services leaves to the one behind them
//	boot_loop.go                         a recovery that takes the machine down again and again comes to an end
//	recover.go, stored_run.go            what dead runs left: survivors ended, frames undone from the frozen recipe
//	internal/runstate                    the one fold of the journal; records that cannot follow on each other are refused
//	run_state.go, run_state_*.go         the fold bound to the recipe, for live runs and recoveries
//	plugins.go                           the plugins of a run: kept by their digests, found again by a recovery
//	redact.go, secrets.go                no secret, and nothing computed from one, in an error, an output or the journal
//
// It may import schema and the rooms below it (step, expression, host, journal, tasklog, durable, process, value, fault, claim), and
// nothing of steps, cmd or bundle.
package engine
