// Package mutations breaks gwe on purpose, to test the tests: each mutation is a change of a few lines that a
// tired person might make, and each must be found. The source itself is not touched: the mutated file is laid
// over it while it is built.
//
//	GWE_MUTATIONS=some go test ./scripts/mutations
//	GWE_MUTATIONS=all go test ./scripts/mutations
//
// A mutation whose text is no longer in the source fails its test: bring it up to date with the code.
package mutations

// mutation is one way to break gwe.
type mutation struct {
	name string
	// file of the repository in which from, which is there once, becomes to.
	file, from, to string
	// campaign are the flags of a campaign of kills and errors that must find it; see scripts/crash.
	campaign []string
	// powercut are the flags of a campaign of power cuts that must find it; see scripts/powercut.
	powercut []string
	// tests are the arguments of go test that must find it, where it takes a power cut or a process that
	// lives on.
	tests []string
	// brief puts it among those that CI tries.
	brief bool
}

var mutations = []mutation{
	{
		name: "an undo is skipped",
		file: "engine/internal/run/unwind.go", from: "if early, ok := f.Node.StepType().(step.EarlyType); ok && x.Config.Early {",
		to:       "if f.Node.StepType().About().Name == \"swap-link\" {\n\t\treturn false, nil\n\t}\n\tif early, ok := f.Node.StepType().(step.EarlyType); ok && x.Config.Early {",
		campaign: []string{"--change=failing", "--how=EINTR"},
		brief:    true,
	},
	{
		name: "the oldest frame is undone first",
		file: "engine/internal/run/undo_order.go", from: "byNumber := cmp.Compare(b.Number, a.Number)", to: "byNumber := cmp.Compare(a.Number, b.Number)",
		campaign: []string{"--change=failing", "--how=kill-before"},
	},
	{
		name: "two journal writes are swapped: a frame is undone before it is",
		file: "engine/internal/run/unwind.go", from: "errs, rest := x.putBack(ctx, f, failure, task)",
		to:       "_ = x.Append(runstate.RecordUndone, runstate.UndoneRecord{Frame: f.Number})\n\terrs, rest := x.putBack(ctx, f, failure, task)",
		campaign: []string{"--change=failing", "--how=kill-before"},
		brief:    true,
	},
	{
		name: "what a later commit supersedes is not given up",
		file: "engine/internal/run/commit.go", from: "if len(x.State.Held()) > 0 {", to: "if false {",
		campaign: []string{"--change=update", "--how=EINTR"},
	},
	{
		name: "a commit in doubt is taken back",
		file: "engine/internal/run/commit.go", from: "x.State.Committed = len(x.State.Frames)", to: "",
		campaign: []string{"--change=install", "--how=EIO", "--at=journal"},
	},
	{
		name: "an undo that the system refused is not tried once more",
		file: "engine/internal/run/retry_once.go", from: "if err == nil || postpone || !refusedBySystem(err) {", to: "if true || !refusedBySystem(err) {",
		campaign: []string{"--change=failing", "--how=EIO", "--at=rename"},
	},
	{
		name: "an interrupted call fails",
		file: "engine/durable/repeat.go", from: "if err := call(); !errors.Is(err, syscall.EINTR) {", to: "if err := call(); true || !errors.Is(err, syscall.EINTR) {",
		campaign: []string{"--change=update", "--how=EINTR"},
		brief:    true,
	},
	{
		name: "a hand-over that nobody can end says that all was rolled back",
		file: "engine/handoff_send.go", from: "result = Result{Run: run, Status: runstate.StatusBroken, Err:", to: "result = Result{Run: run, Status: StatusRestored, Err:",
		campaign: []string{"--change=self-update", "--how=EIO-on"},
	},
	{
		name: "a rollback in doubt is refused",
		file: "engine/rollback.go", from: "if errors.As(err, &unsure) {", to: "if false && errors.As(err, &unsure) {",
		campaign: []string{"--change=way back to nothing", "--how=ENOSPC"},
	},
	{
		name: "half of what an undo needs is a way back",
		file: "engine/release.go", from: "if keeping && !p.Releasing {", to: "if false && keeping && !p.Releasing {",
		tests: []string{"-run=TestKillAtEveryRecordOfAForget", "./engine"},
	},
	{
		name: "a manual rollback deletes what came later",
		file: "engine/made/keep.go", from: "if !run.AfterCommit {", to: "if true {",
		campaign: []string{"--change=way back of a used release", "--how=EINTR"},
		brief:    true,
	},
	{
		name: "what was edited after the commit counts as the run's",
		file: "engine/made/entry.go", from: "return e.Size == status.Size && e.Modified == momentOf(status.Mtim)", to: "return true",
		tests: []string{"-run=AfterTheCommit", "./engine/made", "./steps/file"},
	},
	{
		name: "what a rollback keeps is told once, and not again after a kill",
		file: "engine/made/keep.go", from: "if _, err := dir.Stat(name); err == nil {", to: "if false {",
		tests: []string{"-run=TestDiscardAgain", "./engine/made"},
	},
	{
		name: "nobody looks whether the machine came back",
		file: "engine/rollback_reboot.go", from: "if !expect.TellsApart(start) {", to: "if true || !expect.TellsApart(start) {",
		tests: []string{"-run=TestTheReturnIsJudged", "./engine"},
	},
	{
		name: "what could not be given up is forgotten",
		file: "engine/internal/run/lease.go", from: "f.Leftover = true // the next recovery tries again", to: "",
		campaign: []string{"--change=update", "--how=ENOSPC"},
	},
	{
		name: "the undo of a first install wants its release",
		file: "steps/command/hook.go", from: "if errors.Is(err, fs.ErrNotExist) && a.Missing == \"ok\" {", to: "if false {",
		tests: []string{"-run=TestHooksThatCannotBeRun", "./steps/command"},
	},
	{
		name: "the journal is not synced",
		file: "engine/journal/disk.go", from: "return repeat(func() error { return unix.Fdatasync(int(f.Fd())) })",
		to:    "return repeat(func() error { return nil })",
		tests: []string{"-run=TestThePowerFailsUnderTheState", "./engine"},
		brief: true,
	},
	{
		name: "a journal that failed for a moment is given up",
		file: "engine/internal/run/journal_retry.go", from: "if x.Journal.Mend() != nil {", to: "if true {",
		campaign: []string{"--change=failing", "--how=EIO", "--at=journal"},
	},
	{
		name: "a failed sync of the journal is tried again, and nothing is written again",
		file: "engine/journal/mend.go", from: "_, err = j.file.WriteAt(j.tail.text, j.tail.from)", to: "_ = j.tail.from",
		tests: []string{"-run=TestWhateverFailsTheJournalCanBeRead", "./engine/journal"},
		brief: true,
	},
	{
		name: "a record that failed lies below the next ones",
		file: "engine/journal/mend.go", from: "err := j.clear()", to: "err := error(nil)",
		tests: []string{"-run=TestWhateverFailsTheJournalCanBeRead", "./engine/journal"},
	},
	{
		name: "the effects of a step are not made durable",
		file: "engine/durable/sync.go", from: "if err := Repeat(func() error { return unix.Syncfs(handle) }); err != nil {",
		to:       "if err := Repeat(func() error { return nil }); err != nil {",
		powercut: []string{"--files=ext4", "--cuts=0", "--writes=0", "--reorders=0"},
	},
	{
		name: "a file is not synced before its rename",
		file: "engine/durable/write.go", from: "return file.Sync()", to: "return nil",
		tests: []string{"-run=TestPowerCuts", "./engine/durable"},
		brief: true,
	},
	{
		name: "a directory is not synced after a rename",
		file: "engine/durable/write.go", from: "return SyncDirectory(directory)", to: "return nil",
		tests: []string{"-run=TestPowerCuts", "./engine/durable"},
	},
	{
		name: "what a dead run started lives on",
		file: "engine/internal/run/survivors.go", from: "count, err := process.KillLeft(ctx, begun, marks...)", to: "_, _ = begun, marks\n\tcount, err := process.KillLeft(ctx, nil)",
		tests: []string{"-run=TestKilledWithAGrandchild", "./cmd/gwe"},
	},
	{
		name: "an early recovery forgets what it put off",
		file: "engine/internal/run/unwind.go", from: "rest = append(rest, n.Path())", to: "_ = n.Path()",
		tests: []string{"-run=TestAnEarlyRecovery", "./engine"},
	},
	{
		name: "a service that stays down counts as progress of a recovery",
		file: "engine/internal/run/early_boot.go", from: "if f.Rest != nil && f.Rest.Own == rest.Own && slices.Equal(f.Rest.Steps, rest.Steps) {", to: "if false {",
		tests: []string{"-run=TestALoopBehindAServiceThatIsDown", "./engine"},
	},
	{
		name: "a clock that is behind refuses a key that does not expire",
		file: "bundle/clock.go", from: "case life.expires.IsZero():", to: "case life.expires.IsZero() && !c.isBehind(life.created):",
		tests: []string{"-run", "TestClock", "./bundle"},
	},
	{
		name: "an untrusted clock decides whether a key has expired",
		file: "bundle/clock.go", from: "if signature == nil || !c.untrusted && c.now.After(", to: "if signature == nil || c.now.After(",
		tests: []string{"-run", "TestClock", "./bundle"},
	},
	{
		name: "the clock orders the releases",
		file: "steps/release/releases.go", from: "cmp.Or(cmp.Compare(b.rank, a.rank), b.made.Compare(a.made)", to: "cmp.Or(b.made.Compare(a.made)",
		tests: []string{"-run", "TestNoClockDecides", "./steps/release"},
	},
	{
		name: "the clock orders the releases, and the campaign finds it",
		file: "steps/release/releases.go", from: "cmp.Or(cmp.Compare(b.rank, a.rank), b.made.Compare(a.made)", to: "cmp.Or(b.made.Compare(a.made)",
		campaign: []string{"--change=rollback", "--how=EINTR"},
	},
	{
		name: "the clock orders the releases, and gwe test finds it",
		file: "steps/release/releases.go", from: "cmp.Or(cmp.Compare(b.rank, a.rank), b.made.Compare(a.made)", to: "cmp.Or(b.made.Compare(a.made)",
		tests: []string{"-run=TestScripts/test_rollback$", "./cmd/gwe"},
	},
	{
		name: "a manual rollback deletes what came later, and gwe test finds it",
		file: "engine/made/keep.go", from: "if !run.AfterCommit {", to: "if true {",
		tests: []string{"-run=TestScripts/test_rollback$", "./cmd/gwe"},
	},
	{
		name: "a bad release is chosen again",
		file: "steps/release/find_fallback.go", from: "case one.bad:", to: "case false:",
		tests: []string{"-run", "TestABadReleaseIsNotChosenAgain", "./steps/release"},
	},
	{
		name: "prune does not look for links beside the directory",
		file: "steps/release/protection.go", from: "[]string{p.dir, filepath.Dir(p.dir), filepath.Dir(p.real)}", to: "[]string{p.dir}",
		tests: []string{"-run", "TestPruneKeepsWhatIsInUse/.*link_beside", "./steps/release"},
	},
	{
		name: "an undo does not ask whether the file system of an effect is mounted",
		file: "engine/internal/run/mutate.go", from: "record.Targets = runstate.TargetsOfEffects(paths, x.State.Begin.Targets)", to: "",
		tests: []string{"-run", "TestUndoWithoutALockWaitsForTheMount", "./cmd/gwe"},
	},
	{
		name: "what an undo owes last is dropped",
		file: "engine/internal/run/undo_last.go", from: "errs, rest := x.runLast(ctx, f, failure, task)", to: "var errs []error\n\trest := false",
		campaign: []string{"--change=failing restart", "--how=EINTR"},
		brief:    true,
	},
	{
		name: "what an undo owes last runs in its place, before older frames are undone",
		file: "engine/internal/run/unwind.go", from: "if last {\n\t\tkind = runstate.RecordButLast", to: "if last {\n\t\t_, _ = x.runLast(ctx, f, failure, parent)\n\t}\n\tif false {\n\t\tkind = runstate.RecordButLast",
		campaign: []string{"--change=failing restart", "--how=EINTR"},
	},
	{
		name: "the journal calls a frame undone that still owes its last part",
		file: "engine/internal/run/unwind.go", from: "if last {\n\t\tkind = runstate.RecordButLast", to: "if f.OwesLast = last; false {\n\t\tkind = runstate.RecordButLast",
		campaign: []string{"--change=failing restart", "--how=kill-before"},
	},
	{
		name: "an early recovery runs what is owed last, without services",
		file: "engine/internal/run/undo_last.go", from: "if x.Config.Early || slices.ContainsFunc(open,", to: "if slices.ContainsFunc(open,",
		tests: []string{"-run=TestUndoLastWaitsForServices", "./engine"},
	},
	{
		name: "lists of undo-last that differ are taken for equal",
		file: "engine/internal/run/undo_last.go", from: "key, err := json.Marshal(calls)", to: "key, err := json.Marshal(len(calls))",
		tests: []string{"-run=TestUndoLast$", "./engine"},
	},
	{
		name: "what was undone alone is not told of the undo of older changes",
		file: "engine/internal/run/undo_last.go", from: "if x.State.olderUndoPending(f) {", to: "if false {",
		campaign: []string{"--change=failing restart", "--how=EINTR"},
	},
	{
		name: "what an undo owes last is dropped, and gwe test finds it",
		file: "engine/internal/run/undo_last.go", from: "errs, rest := x.runLast(ctx, f, failure, task)", to: "var errs []error\n\trest := false",
		tests: []string{"-run=TestScripts/test$", "./cmd/gwe"},
	},
	{
		name: "what an undo owes last runs too early, and gwe test finds it",
		file: "engine/internal/run/unwind.go", from: "if last {\n\t\tkind = runstate.RecordButLast", to: "if last {\n\t\t_, _ = x.runLast(ctx, f, failure, parent)\n\t}\n\tif false {\n\t\tkind = runstate.RecordButLast",
		tests: []string{"-run=TestScripts/test$", "./cmd/gwe"},
	},
}
