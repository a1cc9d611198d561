package run

import "github.com/gwe-project/gwe/engine/internal/program"

// The journal has its space for the way back from the first record on. It keeps it over a suspension, a
// reboot and a recovery that cannot do all, since whatever fills the disk meanwhile may be what the way back
// is for. The end of the run gives it back.

// reservedOutputs is how many bytes of outputs a step of an undo, of failsafe or of finally has in the
// journal at most.
const reservedOutputs = 2 << 10

// reservedWait is the space in bytes that the records of a wait may take: of each boot, of each sixteenth of
// its time, and of its end.
const reservedWait = 32 << 10

// ReserveFor is the space in bytes that the way back may need in the journal: an undone record for each
// frame, a record for each step of an undo, and the end.
func ReserveFor(compiled *program.Program) int64 {
	const perStep, fixed = 8 << 10, 64 << 10
	return fixed + int64(len(compiled.ByPath))*perStep
}

// reserveRounds makes sure that the way back of all rounds has its place in the journal: when the journal was
// made, one round was counted.
func (x *Runner) reserveRounds(n *program.Node, rounds int) error {
	if x.Backward || rounds <= 1 {
		return nil
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	x.reserved += n.SizeOfRounds(rounds)
	return x.Journal.Reserve(x.reserved)
}

// ReserveAgain keeps the space for the way back that the process before kept.
func (x *Runner) ReserveAgain() error {
	x.writing.Lock()
	defer x.writing.Unlock()
	return x.Journal.Reserve(x.sizeOfReserve())
}

// sizeOfReserve is how many bytes the way back may need, by what the run has begun.
func (x *Runner) sizeOfReserve() int64 {
	begun := ReserveFor(x.Program)
	for one, rounds := range x.State.lengths {
		if rounds > 1 {
			begun += one.node.SizeOfRounds(rounds)
		}
	}
	x.reserved = max(x.reserved, begun)
	return x.reserved
}

// reserveForWait keeps the space of a wait besides.
func (x *Runner) reserveForWait() error {
	if x.Backward {
		return nil
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	return x.Journal.Reserve(x.sizeOfReserve() + reservedWait)
}

// UseReserve lets the journal have the space that was kept for the way back.
func (x *Runner) UseReserve() {
	if err := x.Journal.UseReserve(); err != nil {
		x.Task.Warn("the space that was reserved in the journal cannot be used: " + err.Error())
	}
}
