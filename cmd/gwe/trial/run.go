package trial

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/gwe-project/gwe/cmd/gwe/trial/scratch"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/schema"
)

// Runner runs files of tests.
type Runner struct {
	// Parallel is how many scratch machines there are at a time.
	Parallel int
	// Keep leaves the scratch machines' roots on the disk.
	Keep bool
	// Plugins are the directories of plugins, which need not be there.
	Plugins []string
	// Match chooses cases by their names; nil is all.
	Match *regexp.Regexp
}

// Result is how one test ended. A case with a fault at a step, or at every step, is several tests.
type Result struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Case string `json:"case"`
	// Fault says what went wrong on purpose; "" is nothing.
	Fault string `json:"fault,omitempty"`
	// Problems are what was not as expected; none means that the test passed.
	Problems []string `json:"problems,omitempty"`
	// Error is the one that ended the run, or an undo in it, where that was not expected; Hint is what to do
	// about it.
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
	// Log is gwe's, of a test that did not pass.
	Log string `json:"log,omitempty"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
	// Directory is the root that was kept; "" where none was.
	Directory string `json:"directory,omitempty"`

	// fault is what went wrong on purpose; nil is nothing. step is the one in the recipe at which it did, nil
	// where it is not in it.
	fault *Fault
	step  *schema.Step
	// recipe is the recipe's name for people, and tested what it says; at is where the case has its name.
	recipe string
	tested *schema.Recipe
	at     schema.Span
}

// Passed reports whether all was as expected.
func (r Result) Passed() bool { return len(r.Problems) == 0 }

// Run runs the cases and shows each one's results when it has ended, in the order of the files. Its error
// means that the tests could not be run.
func (r *Runner) Run(ctx context.Context, suites []*Suite, show func(results []Result)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	places := make(chan struct{}, max(r.Parallel, 1))
	var pending []chan []Result
	var workers sync.WaitGroup
	defer workers.Wait()
	for _, suite := range suites {
		for _, one := range suite.Cases {
			if r.Match != nil && !r.Match.MatchString(one.Name.Text) {
				continue
			}
			done := make(chan []Result, 1)
			pending = append(pending, done)
			workers.Go(func() {
				defer close(done)
				results, err := r.runCase(ctx, places, suite, one)
				if err != nil {
					cancel(err)
					return
				}
				done <- results
			})
		}
	}
	for _, done := range pending {
		results, ended := <-done
		if !ended {
			return context.Cause(ctx)
		}
		show(results)
	}
	return nil
}

// runCase runs all tests of one case.
func (r *Runner) runCase(ctx context.Context, places chan struct{}, suite *Suite, one *schema.Case) ([]Result, error) {
	ignored, standIns := suite.ignored(one), suite.standIns(one)
	step, kill := one.FailAt, false
	if one.KillAt != nil {
		step, kill = one.KillAt, true
	}
	if step == nil || step.Text == schema.Every {
		well, result, err := r.try(ctx, places, suite, one, nil)
		if err != nil {
			return nil, err
		}
		if step == nil {
			result.conclude(well, judge(one, standIns, nil, well, ignored))
			return []Result{result}, nil
		}
		if well.Exit != 0 {
			result.conclude(well, []string{fmt.Sprintf("without a fault the recipe ends with exit code %d; every wants a run that ends well", well.Exit)})
			return []Result{result}, nil
		}
		result.conclude(well, nil)
		results, err := r.withFaults(ctx, places, suite, one, faults(well, kill), func(fault *Fault, found *report) []string {
			return judgeEvery(standIns, fault, well, found, ignored)
		})
		return append([]Result{result}, results...), err
	}
	return r.withFaults(ctx, places, suite, one, []*Fault{
		{Kill: kill, Step: step.Text, Number: 1}, {Kill: kill, Step: step.Text, Number: 1, Behind: true},
	}, func(fault *Fault, found *report) []string { return judge(one, standIns, fault, found, ignored) })
}

// withFaults runs a case once for each fault.
func (r *Runner) withFaults(ctx context.Context, places chan struct{}, suite *Suite, one *schema.Case, all []*Fault,
	judge func(fault *Fault, found *report) []string) ([]Result, error) {
	results := make([]Result, len(all))
	errs := make([]error, len(all))
	var workers sync.WaitGroup
	for i, fault := range all {
		workers.Go(func() {
			var found *report
			if found, results[i], errs[i] = r.try(ctx, places, suite, one, fault); errs[i] == nil {
				results[i].conclude(found, judge(fault, found))
			}
		})
	}
	workers.Wait()
	return results, errors.Join(errs...)
}

// conclude says how the test ended.
func (r *Result) conclude(found *report, problems []string) {
	if r.Problems = problems; len(problems) > 0 {
		r.Log = found.Log
		r.explain(found)
	}
}

// try runs a case once, on a machine of its own.
func (r *Runner) try(ctx context.Context, places chan struct{}, suite *Suite, one *schema.Case, wrong *Fault) (*report, Result, error) {
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
	case <-ctx.Done():
		return nil, Result{}, context.Cause(ctx)
	}
	result := Result{File: suite.File, Line: one.Line, Case: one.Name.Text, fault: wrong, recipe: suite.recipe.shown(), tested: suite.recipe.Program.Recipe, at: one.Name.Span}
	if wrong != nil {
		result.step = stepOf(result.tested, wrong.Step)
		result.Fault = wrong.String()
	}
	root, err := os.MkdirTemp("", "gwe-test-")
	if err != nil {
		return nil, result, fault.New(fault.Refused, "scratch-refused", "there is no place for a scratch machine").WithCause(err).
			WithHint("TMPDIR names the directory")
	}
	if r.Keep {
		result.Directory = root
	} else {
		defer os.Remove(root) // what was mounted there went with the machine
	}
	j, err := suite.job(one, wrong)
	if err != nil {
		return nil, result, err
	}
	for i, directory := range r.Plugins {
		if _, err := os.Stat(directory); err == nil {
			at := fmt.Sprintf("%s/%d", pluginsPath, i)
			j.Layout.Shown[at] = directory
			j.Plugins = append(j.Plugins, at+ownCopy)
		}
	}
	j.Layout.Root, j.Layout.Keep = root, r.Keep
	began := time.Now()
	found, err := start(ctx, j)
	found.outside(j.Recipe, result.recipe)
	result.Seconds = time.Since(began).Seconds()
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%s:%d: %q could not be run: %w", suite.File, one.Line, one.Name.Text, err)
	}
	return &found, result, err
}

// job is what the machine of a case is made for.
func (s *Suite) job(one *schema.Case, wrong *Fault) (job, error) {
	j := job{Fixture: s.fixture(one), StandIns: s.standIns(one), Fault: wrong}
	j.Layout.Shown = map[string]string{}
	for _, placed := range j.Fixture {
		j.Layout.Own = append(j.Layout.Own, placed.Path.Text)
		if placed.Kind == schema.PlacedMount {
			j.Layout.Mounts = append(j.Layout.Mounts, placed.Path.Text)
		}
	}
	for _, standIn := range j.StandIns {
		j.Layout.Own = append(j.Layout.Own, placeOf(standIn))
	}
	if script := cmp.Or(one.Script, s.Script); script != nil {
		j.Script = *script
	}
	if j.Then = one.Then; j.Then == nil {
		j.Then = s.Then
	}
	inputs := map[string]any{}
	for _, binding := range s.inputs(one) {
		inputs[binding.Name.Text] = schema.Decode(binding.Value)
	}
	var err error
	if j.Inputs, err = json.Marshal(inputs); err != nil {
		return job{}, err
	}
	if s.recipe.Shipped != nil {
		j.Source = s.recipe.Shipped
		j.Recipe = scratch.Directory + "/" + s.recipe.Operand + ".yaml"
		return j, nil
	}
	path, err := filepath.Abs(s.recipe.Operand)
	if err != nil {
		return job{}, err
	}
	j.Layout.Shown[recipesPath] = filepath.Dir(path)
	j.Recipe = recipesPath + "/" + filepath.Base(path)
	return j, nil
}
