package runstate

import (
	"cmp"
	"encoding/json"
	"errors"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
)

// Summary is what a list of runs tells of one.
type Summary struct {
	// Run is the id of the run: the UTC time of its beginning. Ids sort in the order of the runs.
	Run string `json:"run"`
	// Recipe is the name of its recipe; absent where it is not known any more.
	Recipe string `json:"recipe,omitempty"`
	// Status is how it stands or ended.
	Status Status `json:"status"`
	// Was is how a run had ended whose journal is damaged, where that is known.
	Was Status `json:"was,omitempty"`
	// Started is when it began; absent where that is not known.
	Started time.Time `json:"started,omitzero"`
	// Latest is when its journal was last written; absent where that is not known.
	Latest time.Time `json:"latest,omitzero"`
	// Ended is when it ended; absent until then.
	Ended time.Time `json:"ended,omitzero"`
	// Error is the first error, of the run or, while it is pending, of its recovery.
	Error string `json:"error,omitempty"`
	// Code is the stable code of Error: `gwe explain CODE` explains it.
	Code string `json:"code,omitempty"`
	// Hint says what to do about Error.
	Hint string `json:"hint,omitempty"`
	// Stopped is the text of the stop that ended the run well.
	Stopped string `json:"stopped,omitempty"`
	// Failed is the step that the error belongs to; absent where it belongs to none.
	Failed *StepName `json:"failed,omitempty"`
	// Blocks is true where no other run begins before an operator has resolved this one.
	Blocks bool `json:"blocks,omitempty"`
	// Targets are the locks of a run that is damaged or lost: what it may still owe an undo on.
	Targets []string `json:"targets,omitempty"`
	// RecoveryFailed is when the recovery of a pending run failed last; absent where it did not.
	RecoveryFailed time.Time `json:"recovery_failed,omitzero"`
	// Resolved is how an operator closed the run; absent where none did.
	Resolved *Resolution `json:"resolved,omitempty"`
	// Waits says what a suspended run waits for.
	Waits string `json:"waits,omitempty"`
	// Left is how much of that time is left, in `gwe status`.
	Left string `json:"left,omitempty"`
	// FailedUndos are the undos that failed, of a run that ended with exit code 5, in `gwe status`.
	FailedUndos []Unrestored `json:"failed_undos,omitempty"`
	// In names the step in which the process of a pending run died, in `gwe status`; absent where the log
	// does not tell it.
	In string `json:"in,omitempty"`
	// Next is what to do now, by command; absent where there is nothing to do.
	Next string `json:"next,omitempty"`
	// Standing is true while what the run's undo needs is still kept.
	Standing bool `json:"standing,omitempty"`
	// Locks are the names that it locked.
	Locks []string `json:"-"`
	// Suspension is what a suspended run waits for.
	Suspension *Suspension `json:"-"`
	// Abandoned is what it kept and what could not be removed.
	Abandoned []Abandoned `json:"-"`
	// forward is true for a pending run that only needs to be finished: it had come to its commit.
	forward bool
}

// StatusDamaged is a run whose journal cannot be read.
const StatusDamaged Status = "damaged"

// List summarises all runs, oldest first. A run whose journal is damaged is listed as such.
func (s State) List() ([]Summary, error) {
	summaries, _, err := Survey(s)
	return summaries, err
}

// Survey reads all journals: it lists the runs, and those of them whose undo is kept, oldest first.
func Survey(s State) (summaries []Summary, standing []*StoredRun, err error) {
	ids, err := s.Runs()
	if err != nil {
		return nil, nil, err
	}
	held, _ := s.Holder() // asked first: a run that ends meanwhile has ended
	summaries = []Summary{}
	for _, id := range ids {
		p, err := Peek(s, id)
		switch {
		case err != nil:
			summaries = append(summaries, DamagedRunOf(s, id, err).Summary().advised())
		case p != nil:
			summaries = append(summaries, p.Summary().heldBy(held).advised())
			if p.Ended != nil && p.CanRollBack() {
				standing = append(standing, p)
			}
		}
	}
	return summaries, standing, nil
}

func (p *StoredRun) Summary() Summary {
	summary := Summary{
		Run: p.Directory.ID(), Recipe: p.Begin.Recipe, Status: StatusPending, Standing: p.CanRollBack(), Locks: p.Begin.Names(),
		Started: p.Records[0].Time, Latest: p.Records[len(p.Records)-1].Time,
		forward: p.Committed >= 0, Abandoned: p.left(),
	}
	if waits := p.Suspension; waits != nil {
		summary.Status, summary.Waits, summary.Suspension = StatusSuspended, waits.Awaited(), waits
	}
	if p.Awaiting {
		summary.Status, summary.Waits = StatusSuspended, ServicesAwaited
	}
	end := p.Ended
	if end == nil || end.Status == StatusBroken {
		summary.Resolved = p.Directory.resolution()
	}
	if failed := cmp.Or(p.Directory.recoveryFailure(), p.lastFailure()); end == nil && failed != nil {
		summary.RecoveryFailed = failed.At
		summary.say(failed.Err())
	}
	if end == nil && summary.Resolved != nil {
		summary.Status = StatusBroken
	}
	if end != nil {
		summary.Status, summary.Stopped, summary.Ended = end.Status, end.Stopped, end.At
		if end.Error != nil {
			summary.say(end.Error.Err())
		} else if len(end.Others) > 0 {
			summary.say(end.Others[0].Err())
		}
		if lost := end.lostRecords(); lost != nil && end.Error != nil {
			summary.Error += "; " + lost.Error()
		}
	}
	return summary
}

// heldBy says that the run is in progress where a process works on it.
func (s Summary) heldBy(held *Holder) Summary {
	if s.Status == StatusPending && held != nil && held.Run == s.Run {
		s.Status = StatusRunning
	}
	return s
}

// say takes an error in, with its code and its hint.
func (s *Summary) say(err error) {
	s.Error = err.Error()
	if found := fault.As(err); found != nil {
		s.Code, s.Hint = found.Code, found.Hint
	}
	var located *StepError
	if s.Failed = nil; errors.As(err, &located) {
		s.Failed = &located.Step
	}
}

// Detail is all that the journal tells people of one run.
type Detail struct {
	Summary
	// File is the file of the recipe, as it was named.
	File string `json:"file"`
	// Digest is the SHA-256 of the recipe, in hexadecimal.
	Digest string `json:"sha256"`
	// Version is the release of gwe that began the run.
	Version string `json:"gwe"`
	// Locks are what it locked: paths and names.
	Locks []string `json:"locks,omitempty"`
	// Inputs are those that hold no secret, by their names.
	Inputs map[string]json.RawMessage `json:"inputs,omitempty"`
	// Secrets are the names of the inputs that hold one.
	Secrets []string `json:"secrets,omitempty"`
	// Steps are those that the run came to, in the order of the journal.
	Steps []StepDetail `json:"steps"`
	// Errors are those after Error, of undos, the failsafe and finally, in their order.
	Errors []string `json:"errors,omitempty"`
	// Outputs are what the recipe handed out.
	Outputs map[string]json.RawMessage `json:"outputs,omitempty"`
	// Leases are what is kept for its undo.
	Leases []Lease `json:"leases,omitempty"`
	// Kept are the directories to which a manual rollback moved what came after the commit.
	Kept []Lease `json:"kept,omitempty"`
	// Abandoned is what the run kept for its undo and what gwe could not remove when no undo needed it any
	// more.
	Abandoned []Abandoned `json:"abandoned,omitempty"`
}

// StepDetail is one step of a run, in the order in which the journal came to it.
type StepDetail struct {
	StepName
	// Rounds are the numbers of the rounds of the for-each around it, outermost first, from 0.
	Rounds []int `json:"rounds,omitempty"`
	// State is how far it came.
	State StepState `json:"state"`
	// Outputs are there where the step ended well.
	Outputs map[string]json.RawMessage `json:"outputs,omitempty"`
	// Error is why it, or its undo, failed.
	Error string `json:"error,omitempty"`
	// Text is what a commit or a stop says, what a wait is for, or which gwe the run was handed to.
	Text string `json:"text,omitempty"`
}

// StepState is how far a step of a run came.
type StepState string

// The states of a step.
const (
	StepBegun       StepState = "begun"
	StepDone        StepState = "done"
	StepFailed      StepState = "failed"
	StepSkipped     StepState = "skipped"
	StepAllowed     StepState = "failed, as allowed"
	StepCommitted   StepState = "committed"
	StepStopped     StepState = "stopped"
	StepSuspended   StepState = "suspended"
	StepResumed     StepState = "resumed"
	StepGivenUp     StepState = "given up"
	StepPutOff      StepState = "waits for services"
	StepUndone      StepState = "undone"
	StepUndoneFirst StepState = "undone but for undo-last"
	StepUndoFailed  StepState = "undo failed"
)

// Choose finds a run; without an id it is the newest one.
func Choose(s State, id string) (string, error) {
	ids, err := s.Runs()
	if err != nil {
		return "", err
	}
	chosen := ""
	for _, one := range ids {
		if one == id || id == "" {
			chosen = one
		}
	}
	for _, lost := range s.lost() {
		if chosen == "" && (id == "" || id == lost.Run) && !lost.Process.Alive() {
			return "", s.lostFault(lost)
		}
	}
	switch {
	case chosen == "" && id == "":
		return "", fault.New(fault.Refused, "run-unknown", "there are no runs in %s", s.Directory).
			WithHint("they may be in another state directory: --state-dir, GWE_STATE_DIR")
	case chosen == "":
		return "", fault.New(fault.Refused, "run-unknown", "there is no run %q in %s", id, s.Directory).
			WithHint("`gwe runs` lists them; without RUN the newest one is shown")
	}
	return chosen, nil
}

// Show tells all of one run. Of one whose journal is damaged it tells what can still be read, beside the
// error.
func (s State) Show(id string) (Detail, error) {
	chosen, err := Choose(s, id)
	if err != nil {
		return Detail{}, err
	}
	p, err := s.peekWith(chosen, listing())
	if err != nil {
		return DamagedRunOf(s, chosen, err).detail()
	}
	if p == nil {
		return Detail{}, fault.New(fault.Refused, "run-unknown", "run %s never began", chosen)
	}
	held, _ := s.Holder()
	told := p.detail()
	told.Summary = told.Summary.heldBy(held).advised()
	if told.Status == StatusPending || told.Status == StatusRunning {
		told.addOpen(s.openSteps(chosen))
	}
	return told, nil
}

func (p *StoredRun) detail() Detail {
	d := Detail{
		Summary: p.Summary(), File: p.Begin.File, Digest: p.Begin.Digest, Version: p.Begin.Version,
		Steps: p.steps.all, Outputs: p.steps.outputs, Locks: p.Begin.Locks, Inputs: p.Begin.Inputs, Secrets: p.Begin.Secrets,
	}
	for _, other := range p.steps.others {
		if text := other.Err().Error(); text != d.Error {
			d.Errors = append(d.Errors, text)
		}
	}
	if d.Standing {
		d.Leases = p.leaseSizes()
	}
	d.Kept, d.Abandoned = sized(p.Later()), p.left()
	return d
}

// Logs lists the log files of a run, in order. It does not need the journal: where that is damaged, the log
// is what people have to go by.
func (s State) Logs(id string) ([]string, error) {
	chosen, err := Choose(s, id)
	if err != nil {
		return nil, err
	}
	return DirectoryOf(s, chosen).listLogs()
}
