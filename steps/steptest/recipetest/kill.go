package recipetest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/journal"
)

// Kill runs the recipe in a gwe of its own, which SIGKILL ends when it is about to write the record of that
// number, or, with behind, when it has just written it. It reports whether the run came that far, and whether
// it committed.
func (b *Bench) Kill(record int, behind bool, file string, inputs map[string]string) (died, committed bool) {
	b.Helper()
	moment := DieBefore
	if behind {
		moment = DieAt
	}
	return b.committing(func() bool {
		return b.gwe(b.Context(), []string{fmt.Sprintf("%s=%d", moment, record)}, b.running(file, inputs)...).killed
	})
}

// KillEverywhere kills the recipe at every record, before and after it, and recovers. Before a record, what
// it tells of is done; after it, nothing that follows was begun; after that of a process's start, the
// process runs. arrange makes the machine as it was; check is called after the recovery, and is told whether
// the run had committed.
func (b *Bench) KillEverywhere(file string, inputs map[string]string, arrange func(), check func(committed bool)) (kills int) {
	b.Helper()
	kills = b.killAtRecords([][]bool{{false, true}}, file, inputs, arrange, check)
	b.KillAtAnyMoment(16, file, inputs, arrange, check)
	return kills
}

// KillAtEachStep is KillEverywhere for a recipe whose programs take long to start: it kills at every other
// record, in turn behind and before it, and at fewer random moments. A step has the record of its intent and
// that of its result at least, so each is still met, while it runs or between it and its neighbour. Campaigns
// on one recipe begin at different turns, 0 to 3: four have all moments.
func (b *Bench) KillAtEachStep(turn int, file string, inputs map[string]string, arrange func(), check func(committed bool)) (kills int) {
	b.Helper()
	turns := [][]bool{{true}, {}, {false}, {}}
	kills = b.killAtRecords(append(turns[turn:], turns[:turn]...), file, inputs, arrange, check)
	b.KillAtAnyMoment(6, file, inputs, arrange, check)
	return kills
}

// killAtRecords kills at one record after the other. moments say, for the records in turn, whether before it
// (false) or after it.
func (b *Bench) killAtRecords(moments [][]bool, file string, inputs map[string]string, arrange func(), check func(committed bool)) (kills int) {
	b.Helper()
	for record, died := 1, true; died; record++ {
		for _, behind := range moments[(record-1)%len(moments)] {
			arrange()
			var committed bool
			if died, committed = b.Kill(record, behind, file, inputs); !died {
				break
			}
			kills++
			b.recoverByProcess()
			check(committed)
			if b.Failed() {
				b.Fatalf("(killed at record %d, after it: %v)\n%s", record, behind, b.said.text())
			}
		}
	}
	return kills
}

// KillAtAnyMoment kills the recipe after random times, in the middle of whatever it does, and its recovery in
// half of the cases; then it recovers. arrange and check are as in KillEverywhere.
func (b *Bench) KillAtAnyMoment(kills int, file string, inputs map[string]string, arrange func(), check func(committed bool)) {
	b.Helper()
	arrange()
	begun := time.Now()
	b.gwe(b.Context(), nil, b.running(file, inputs)...)
	whole := time.Since(begun)
	// How long things take differs from run to run, so a seed does not bring the same moments back; that it
	// is fixed spreads them in the same way each time.
	random := rand.New(rand.NewPCG(1, 2))
	moment := func() time.Duration { return time.Duration(random.Float64() * float64(whole)) }
	for range kills {
		arrange()
		first, second := moment(), time.Duration(0)
		_, committed := b.committing(func() bool { return b.killedAfter(first, b.running(file, inputs)...) })
		if random.IntN(2) == 0 {
			second = moment()
			b.killedAfter(second, "recover")
		}
		b.recoverByProcess()
		check(committed)
		if b.Failed() {
			b.Fatalf("(killed after %s, and its recovery after %s; 0 is not)\n%s", first, second, b.said.text())
		}
	}
}

func (b *Bench) killedAfter(span time.Duration, arguments ...string) bool {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), span)
	defer cancel()
	return b.gwe(ctx, nil, arguments...).killed
}

// KillWhen runs the recipe and kills gwe once something has come about. It reports whether that came in time.
func (b *Bench) KillWhen(reached func() bool, file string, inputs map[string]string) (died bool) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil && !reached() {
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
	}()
	died = b.gwe(ctx, nil, b.running(file, inputs)...).killed
	cancel()
	<-ended
	return died
}

// recoverByProcess lets a gwe of its own finish what the dead ones left.
func (b *Bench) recoverByProcess() {
	b.Helper()
	if e := b.gwe(b.Context(), nil, "recover"); e.code != 0 {
		b.Fatalf("the recovery ended with %d:\n%s", e.code, b.said.text())
	}
}

// committing reports whether the run that begins meanwhile commits: its journal says so.
func (b *Bench) committing(run func() (died bool)) (died, committed bool) {
	b.Helper()
	before := b.journals()
	died = run()
	for _, path := range b.journals() {
		if slices.Contains(before, path) {
			continue
		}
		records, err := journal.Read(path)
		if found := fault.As(err); found != nil && found.Code == "journal-empty" {
			continue // killed before its first record
		}
		if err != nil {
			b.Fatalf("%s: %v", path, err)
		}
		committed = committed || slices.ContainsFunc(records, func(r journal.Record) bool { return r.Kind == "committed" })
	}
	return died, committed
}

func (b *Bench) journals() []string {
	found, _ := filepath.Glob(filepath.Join(b.State, "runs", "*", "journal"))
	return found
}

// running are the arguments of a run. Inputs go through a file, for secrets may.
func (b *Bench) running(file string, inputs map[string]string) []string {
	b.Helper()
	path := filepath.Join(b.scratch, "inputs.yaml")
	text, err := json.Marshal(inputs)
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		b.Fatal(err)
	}
	return []string{"run", file, "--inputs", path}
}

// ended is how a gwe ended: its exit code, or SIGKILL.
type ended struct {
	code   int
	killed bool
}

// gwe runs the gwe of the kill tests, with more variables in its environment, and kills it when the context
// ends.
func (b *Bench) gwe(ctx context.Context, variables []string, arguments ...string) ended {
	b.Helper()
	// What a recipe starts may live on, and must not hold the test up: so the output goes to a file.
	output, err := os.CreateTemp(b.scratch, "output-")
	if err != nil {
		b.Fatal(err)
	}
	defer output.Close()
	command := exec.CommandContext(ctx, b.program(), append([]string{"--state-dir", b.State, "--output", "plain", "--log-depth", "0"}, arguments...)...)
	command.Args[0] = "gwe"
	command.Env = append(os.Environ(), variables...)
	command.Stdout, command.Stderr = output, output
	err = command.Run()
	switch {
	case command.ProcessState != nil:
	case ctx.Err() != nil:
		return ended{killed: true} // before it had begun
	default:
		b.Fatal(err)
	}
	said, err := os.ReadFile(output.Name())
	if err == nil {
		err = os.Remove(output.Name())
	}
	if err != nil {
		b.Fatal(err)
	}
	b.said.add(strings.Split(strings.TrimSpace(string(said)), "\n")...)
	status := command.ProcessState.Sys().(syscall.WaitStatus)
	return ended{status.ExitStatus(), status.Signaled() && status.Signal() == syscall.SIGKILL}
}

// program builds the gwe of the kill tests when it is wanted for the first time: it is the test binary of
// cmd/gwe, which is the product's main with journals at whose records it may die.
func (b *Bench) program() string {
	b.Helper()
	b.once.Do(func() {
		b.binary = filepath.Join(b.scratch, "gwe")
		if output, err := exec.Command("go", "test", "-c", "-o", b.binary, "github.com/gwe-project/gwe/cmd/gwe").CombinedOutput(); err != nil {
			b.Fatalf("the gwe of the kill tests: %v\n%s", err, output)
		}
	})
	return b.binary
}
