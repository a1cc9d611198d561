package proof

// The rules, by the names that diagnostics carry. Those in Rules may be allowed on a step.
const (
	// UndoMissing: a step changes the machine before the commit, its type cannot undo that, and the recipe
	// says nothing.
	UndoMissing = "undo-missing"
	// UndoTooEarly: an undo makes a program take up what is on disk before older changes are undone.
	UndoTooEarly = "undo-too-early"
	// RefreshUndone: a program takes up a change, and the recipe says that nothing undoes that.
	RefreshUndone = "refresh-not-undone"
	// RollbackLost: a step that cannot be undone costs the rollback by hand.
	RollbackLost = "rollback-lost"
	// UndoDestroyed: a step removes for good what an earlier step's undo needs.
	UndoDestroyed = "undo-destroyed"
	// Unreachable: nothing leads to a step.
	Unreachable = "unreachable"
	// OutputUnset: an output of the recipe is made of a step that never runs.
	OutputUnset = "output-unset"
	// LockUncovered: a step changes a path that none of the recipe's locks covers.
	LockUncovered = "lock-uncovered"
	// ParallelConflict: two branches that run at the same time change one path.
	ParallelConflict = "parallel-conflict"
	// UntilOnce: until stands without retry, so it is asked once.
	UntilOnce = "until-once"
	// TimeoutTooShort: a step waits longer than the time-out around it.
	TimeoutTooShort = "timeout-too-short"
	// CheckAfterCommit: a check after the commit rolls nothing back.
	CheckAfterCommit = "check-after-commit"
	// CheckIgnored: a check may fail, and nothing depends on it.
	CheckIgnored = "check-ignored"
	// FailureIgnored: later steps build on what may have failed.
	FailureIgnored = "failure-ignored"
	// VerifyLate: something is verified after it was used.
	VerifyLate = "verify-late"
	// KeysFromPackage: the keys that vouch for a package come out of a package.
	KeysFromPackage = "keys-from-package"
	// SwitchEarly: a link leads to what only a later step makes, or to itself.
	SwitchEarly = "switch-early"
	// SwitchAfterCommit: the release is switched after the commit.
	SwitchAfterCommit = "switch-after-commit"
	// ReadAfterSwitch: an undo reads a link that was read after the switch.
	ReadAfterSwitch = "read-after-switch"
	// RestartEarly: a program is restarted before the switch, and not after it.
	RestartEarly = "restart-early"
	// CheckEarly: a check looks at the program before that is restarted.
	CheckEarly = "check-early"
	// FinallyRemoves: finally removes what the new version needs.
	FinallyRemoves = "finally-removes"
	// FailsafeRemoved: a step removes what the failsafe needs.
	FailsafeRemoved = "failsafe-removed"
	// ProtectNothing: a protected name is not in the directory.
	ProtectNothing = "protect-nothing"
	// RoundsOnePath: the rounds of a for-each write one path.
	RoundsOnePath = "rounds-one-path"
	// SecretReadable: a file with a secret can be read by every user.
	SecretReadable = "secret-readable"
	// WorldWritable: every user may write to a file.
	WorldWritable = "world-writable"
	// SharedFile: the mode of a file that two releases share is changed.
	SharedFile = "shared-file"
	// RelativeProgram: a program is named from a directory that the recipe does not name.
	RelativeProgram = "relative-program"
	// RebootUnchecked: a boot setting was changed, and nothing asks what came up.
	RebootUnchecked = "reboot-unchecked"
	// RebootAfterCommit: the machine reboots after the commit.
	RebootAfterCommit = "reboot-after-commit"
	// StoppedForGood: a program is stopped and not started again.
	StoppedForGood = "stopped-for-good"
	// GuardDecided: the limits of the inputs decide a guard.
	GuardDecided = "guard-decided"
	// NoShell: a pattern or a variable stands where no shell replaces it.
	NoShell = "no-shell"
	// ShellBuiltin: a command of the shell changes nothing for later steps.
	ShellBuiltin = "shell-builtin"
	// CheckNothing: a check compares nothing, and nothing reads what it found.
	CheckNothing = "check-nothing"
	// CheckLate: the space is asked for when it is used.
	CheckLate = "check-late"
	// CheckStopped: a check asks a program that is stopped.
	CheckStopped = "check-stopped"
	// VerifyUnused: what is verified is not what is extracted.
	VerifyUnused = "verify-unused"
	// RemovesMore: an input may make a path that of the directory above.
	RemovesMore = "removes-more"
	// RemovedEarly: a step reads what an earlier one has removed.
	RemovedEarly = "removed-early"
	// UndoRemoves: an undo removes what came later, too.
	UndoRemoves = "undo-removes"
	// PrunesParent: the directory of the releases is pruned as one of them.
	PrunesParent = "prunes-parent"
	// InsideItself: a copy lies in what is copied.
	InsideItself = "inside-itself"
	// OntoDirectory: a file is put at the path of a directory.
	OntoDirectory = "onto-directory"
	// OldReleaseChanged: the old release is changed before the switch.
	OldReleaseChanged = "old-release-changed"
	// LinkTaken: a link takes the name of what was just made.
	LinkTaken = "link-taken"
	// UsedEarly: a step uses what only a later one makes.
	UsedEarly = "used-early"
	// LinkToRelease: a link leads into one release, not through the link that is switched.
	LinkToRelease = "link-to-release"
	// WrittenTwice: a file is written twice.
	WrittenTwice = "written-twice"
	// VolatileTarget: a link leads to what the next boot takes away.
	VolatileTarget = "volatile-target"
	// CronLine: cron passes over the file, or over its last line.
	CronLine = "cron-line"
	// UnitNotRead: systemd or supervisord has not read what was written.
	UnitNotRead = "unit-not-read"
	// RestartAfterCommit: the new version is started after the commit.
	RestartAfterCommit = "restart-after-commit"
	// ConfirmEarly: who confirms has not seen the new version.
	ConfirmEarly = "confirm-early"
	// FailsafeNew: the failsafe leads to the version that failed.
	FailsafeNew = "failsafe-new"
	// UnusedName: nothing reads an input, a variable, a fact, or the outputs of a step with an id.
	UnusedName = "unused-name"
	// AllowUnneeded: a step allows what it does not do.
	AllowUnneeded = "allow-unneeded"
)

// Rules are those that a step may allow, with a reason.
func Rules() []string {
	return []string{UndoMissing, UndoTooEarly, RefreshUndone, UndoDestroyed, Unreachable, OutputUnset, LockUncovered, ParallelConflict,
		UntilOnce, TimeoutTooShort, CheckAfterCommit, CheckIgnored, FailureIgnored, VerifyLate,
		KeysFromPackage, SwitchEarly, SwitchAfterCommit, ReadAfterSwitch, RestartEarly, CheckEarly,
		FinallyRemoves, FailsafeRemoved, ProtectNothing, RoundsOnePath, SecretReadable, WorldWritable,
		SharedFile, RelativeProgram, RebootUnchecked, RebootAfterCommit, StoppedForGood, GuardDecided,
		NoShell, ShellBuiltin, CheckNothing, CheckLate, CheckStopped, VerifyUnused, RemovesMore, RemovedEarly, UndoRemoves, PrunesParent, InsideItself, OntoDirectory,
		OldReleaseChanged, LinkTaken, UsedEarly, LinkToRelease, WrittenTwice, VolatileTarget, CronLine, UnitNotRead, RestartAfterCommit, ConfirmEarly, FailsafeNew}
}
