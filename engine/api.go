package engine

import "github.com/gwe-project/gwe/engine/internal/runstate"

// What the journals of runs say is of the package runstate. These are its types that users of the engine see.
type (
	// Abandoned is something that a run kept for its undo, that no undo needs any more, and that gwe could
	// not remove and does not try to remove again: the directory that it lay in is another one by now.
	Abandoned = runstate.Abandoned
	// Activity is what a process does now.
	Activity = runstate.Activity
	// Cancelled is what `gwe cancel` tells programs.
	Cancelled = runstate.Cancelled
	// Detail is all that the journal tells people of one run.
	Detail = runstate.Detail
	// Difference is a path that is not as it was before the run.
	Difference = runstate.Difference
	// FollowedLog reads all logs of a run one after the other, and waits at the end while a process works on
	// the run.
	FollowedLog = runstate.FollowedLog
	// HiddenName is a name that begins with .gwe- and the run that it belongs to.
	HiddenName = runstate.HiddenName
	// Holder is the process that works on a state directory now.
	Holder = runstate.Holder
	// Lease is a path that is kept for the undo of a run.
	Lease = runstate.Lease
	// Overview is what is in progress in a state directory now.
	Overview = runstate.Overview
	// Resolution is how an operator closed a run that gwe could not bring to its end. It lies in a file
	// beside the journal: the journal may be what is damaged.
	Resolution = runstate.Resolution
	// Result is how a run ended.
	Result = runstate.Result
	// ResultLine is how a run ended, for programs: the last line of what `gwe run` and `gwe rollback` print,
	// and one line for each run that `gwe recover`, `gwe confirm` or `gwe cancel` brought to its end.
	ResultLine = runstate.ResultLine
	// RunningTask is a task that has begun and not ended.
	RunningTask = runstate.RunningTask
	// State is the directory where gwe keeps its runs:
	//
	//	lock                      held by the one run in progress; names its holder
	//	runs/<id>/journal         the durable record
	//	runs/<id>/recipe.yaml     the frozen copy that recovery runs
	//	runs/<id>/plugins/<type>  the descriptions of the plugins that it uses
	//	runs/<id>/uses/<sha256>.yaml  the same of the recipes that it uses
	//	runs/<id>/log/<n>.jsonl   the full log, one file for each process that worked on the run
	//	runs/<id>/frames/<n>/     what an undo needs: saved contents
	//	runs/<id>/secrets/<name>  the values of secret inputs
	//
	// Everything below it is for its owner alone.
	State = runstate.State
	// Status is how a run stands or ended.
	Status = runstate.Status
	// StepDetail is one step of a run, in the order in which the journal came to it.
	StepDetail = runstate.StepDetail
	// StepError says which step an error belongs to.
	StepError = runstate.StepError
	// StepName names one step of a run: for people by its String, for programs by its fields.
	StepName = runstate.StepName
	// StepState is how far a step of a run came.
	StepState = runstate.StepState
	// Stopped is the cause with which a run's context is cancelled when a signal asks it to stop.
	Stopped = runstate.Stopped
	// Summary is what a list of runs tells of one.
	Summary = runstate.Summary
	// Target is what a directory that recipes work on tells by itself, whatever the state directory knows.
	Target = runstate.Target
	// Unrestored is a step whose undo failed, or was not carried out.
	Unrestored = runstate.Unrestored
	// Unsettled is a run that could not be brought to its end: what it left is there still.
	Unsettled = runstate.Unsettled
	// Warning is something that a run cannot promise on this machine. It refuses nothing.
	Warning = runstate.Warning
)

// How a run stands or ended.
const (
	// StatusDone is a run that ended well.
	StatusDone = runstate.StatusDone
	// StatusCommitted is a run whose new version is in place, though a step after the commit, or finally,
	// failed.
	StatusCommitted = runstate.StatusCommitted
	// StatusRefused is a run that was turned down before any effect.
	StatusRefused = runstate.StatusRefused
	// StatusRestored is a run that failed, or was stopped, and rolled everything back.
	StatusRestored = runstate.StatusRestored
	// StatusFailsafe is a run that could not roll everything back, and whose failsafe is in place.
	StatusFailsafe = runstate.StatusFailsafe
	// StatusBroken is a run that could not roll everything back: manual intervention required.
	StatusBroken = runstate.StatusBroken
	// StatusRolledBack is a run that was committed, and was rolled back by hand later.
	StatusRolledBack = runstate.StatusRolledBack
	// StatusSuspended is a run that waits: for a reboot, or for a confirmation.
	StatusSuspended = runstate.StatusSuspended
	// StatusPending is a run that died before it had ended, and waits for recovery.
	StatusPending = runstate.StatusPending
	// StatusRunning is a run that a process works on now.
	StatusRunning = runstate.StatusRunning
	StatusDamaged = runstate.StatusDamaged
	StatusLost    = runstate.StatusLost
)

// The exit codes of the command line, by how a run ended.
const (
	ExitDone      = runstate.ExitDone
	ExitErrored   = runstate.ExitErrored
	ExitUsage     = runstate.ExitUsage
	ExitRestored  = runstate.ExitRestored
	ExitFailsafe  = runstate.ExitFailsafe
	ExitBroken    = runstate.ExitBroken
	ExitRefused   = runstate.ExitRefused
	ExitCommitted = runstate.ExitCommitted
	ExitWaiting   = runstate.ExitWaiting
	ExitSignal    = runstate.ExitSignal
)

// The states of a step.
const (
	StepBegun       = runstate.StepBegun
	StepDone        = runstate.StepDone
	StepFailed      = runstate.StepFailed
	StepSkipped     = runstate.StepSkipped
	StepAllowed     = runstate.StepAllowed
	StepCommitted   = runstate.StepCommitted
	StepStopped     = runstate.StepStopped
	StepSuspended   = runstate.StepSuspended
	StepResumed     = runstate.StepResumed
	StepGivenUp     = runstate.StepGivenUp
	StepPutOff      = runstate.StepPutOff
	StepUndone      = runstate.StepUndone
	StepUndoneFirst = runstate.StepUndoneFirst
	StepUndoFailed  = runstate.StepUndoFailed
)

// CancelSignal asks the process of a run to stop and roll back.
const CancelSignal = runstate.CancelSignal
