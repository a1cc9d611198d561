package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
)

// kitchenSink uses every construct. What it changes lies in the directory files: old is empty but for a, and
// new has all. fail is where it fails on purpose, or "".
func kitchenSink(fail string) string {
	at := func(name string) string {
		if name == fail {
			return ", fail: [do]"
		}
		return ""
	}
	return `
inputs:
  sites: {type: list<string>, default: [s1, s2]}
vars:
  word: new
lock: D/files
timeout: 10m
defaults: {undo-timeout: 1m}
steps:
  - put: {path: D/files/a, text: "${{ vars.word }}"` + at("first") + `}
  - id: l
    look: {path: D/files/a}
  - when: not steps.l.found
    put: {path: D/files/never}
  # A group that fails and is rescued.
  - steps:
      - put: {path: D/files/lost1}
      - for-each: [x, y]
        put: {path: "D/files/lost-${{ item }}"}
      - parallel:
          - put: {path: D/files/lost2}
          - put: {path: D/files/lost3, fail: [do]}
        undo: [{note: {file: D/marks, line: parallel undone}}]
    rescue:
      - id: r
        put: {path: D/files/rescued, text: "${{ error.code }}"` + at("rescue") + `}
    finally:
      - note: {file: D/marks, line: finally of rescued}
    undo:
      - note: {file: D/marks, line: group undone}
  # A group that is tried twice.
  - retry: {attempts: 2}
    steps:
      - id: m
        look: {path: D/marks}
      - put: {path: D/files/twice}
      - note: {file: D/marks, line: tried}
        undo: [{note: {file: D/marks, line: try undone}}]
    until: (steps.m.text ?? '') contains 'try undone'
  # A group that may fail.
  - allow-failure: true
    steps:
      - put: {path: D/files/forgiven1}
      - put: {path: D/files/forgiven2, fail: [do]}
    finally:
      - note: {file: D/marks, line: finally of forgiven}
  - allow-failure: true
    put: {path: D/files/forgiven3, fail: [do]}
  # Branches, with groups and rounds in them.
  - parallel:
      - id: b1
        put: {path: D/files/b1}
      - steps:
          - id: b2
            for-each: "${{ inputs.sites }}"
            when: item != 's3'
            put: {path: "D/files/b2-${{ item }}", text: "${{ index }}"` + at("branch") + `}
          - put: {path: D/files/b3, text: "${{ steps.b2[1].text ?? '' }}"}
        finally:
          - note: {file: D/marks, line: finally of branch}
      - id: b4
        allow-failure: true
        put: {path: D/files/b4, fail: [do]}
    limit: 2
  # Rounds of a group, over a map.
  - for-each: {k1: v1, k2: v2}
    steps:
      - id: g
        put: {path: "D/files/g-${{ index }}", text: "${{ item }}"` + at("round") + `}
        undo: [{note: {file: D/marks, line: "undo ${{ index }}"}}]
      - look: {path: "D/files/g-${{ index }}"}
  # Another recipe.
  - id: used
    use: ./inner.yaml
    with: {name: "${{ steps.g[1].text }}"}
  - put: {path: D/files/last, text: "${{ steps.used.said }} ${{ steps.b1.text }}"` + at("last") + `}
  - commit: it is new
  - steps:
      - put: {path: D/tail}
    finally:
      - note: {file: D/marks, line: finally of tail}
finally:
  - note: {file: D/marks, line: the end}
outputs:
  said: ${{ steps.used.said }}
`
}

const kitchenSinkInner = `gwe: 1
name: inner
inputs: {name: {type: string, required: true}}
vars: {greeting: "hello ${{ inputs.name }}"}
steps:
  - id: p
    put: {path: D/files/inner, text: "${{ vars.greeting }}"}
    undo: [{note: {file: D/marks, line: "undo ${{ inputs.name }}"}}]
  - commit: not here
  - stop: enough
    when: inputs.name == 'v2'
  - put: {path: D/files/behind}
finally:
  - note: {file: D/marks, line: finally of inner}
outputs: {said: "${{ steps.p.text }}"}
`

const (
	kitchenSinkOld = "a=old"
	kitchenSinkNew = "a=new b1=x b2-s1=0 b2-s2=1 b3=1 g-k1=v1 g-k2=v2 inner=hello v2 last=hello v2 x rescued=put-failed twice=x"
)

// sink arranges the bench for the kitchen sink.
func (b *bench) sink(fail string) *engine.Program {
	b.Helper()
	if err := os.Mkdir(filepath.Join(b.directory, "files"), 0o755); err != nil {
		b.Fatal(err)
	}
	b.write("files/a", "old")
	b.write("inner.yaml", strings.ReplaceAll(kitchenSinkInner, "D/", b.directory+"/"))
	return b.load(kitchenSink(fail))
}

// move moves the bench to another file system, where there is one.
func (b *bench) move(parent string) {
	b.Helper()
	directory, err := os.MkdirTemp(parent, "bench")
	if err != nil {
		return
	}
	b.Cleanup(func() { _ = os.RemoveAll(directory) })
	b.directory, b.engine.State.Directory = directory, filepath.Join(directory, "state")
}

// files gives the directory files as NAME=CONTENT.
func (b *bench) files() string {
	b.Helper()
	entries, err := os.ReadDir(filepath.Join(b.directory, "files"))
	if err != nil {
		b.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".released") {
			continue // what a commit gave up
		}
		content, err := os.ReadFile(filepath.Join(b.directory, "files", entry.Name()))
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, entry.Name()+"="+string(content))
	}
	return strings.Join(all, " ")
}

func TestKitchenSink(t *testing.T) {
	b := newBench(t)
	result, err := b.engine.Run(context.Background(), b.sink(""), nil)
	if err != nil {
		t.Fatal(err)
	}
	b.wantStatus(result, engine.StatusDone, 0)
	if got := b.files(); got != kitchenSinkNew {
		t.Errorf("the files are\n%s, want\n%s", got, kitchenSinkNew)
	}
	if result.Outputs["said"] != "hello v2" {
		t.Errorf("the outputs are %v", result.Outputs)
	}
	for _, fail := range []string{"first", "rescue", "branch", "round", "last"} {
		t.Run(fail, func(t *testing.T) {
			b := newBench(t)
			result, err := b.engine.Run(context.Background(), b.sink(fail), nil)
			if err != nil {
				t.Fatal(err)
			}
			b.wantStatus(result, engine.StatusRestored, 3)
			if got := b.files(); got != kitchenSinkOld {
				t.Errorf("the files are\n%s, want\n%s", got, kitchenSinkOld)
			}
		})
	}
}

// TestKitchenSinkKilled kills gwe at every record of a recipe that uses every construct, on its way forward
// and while it fails, by a kill and by a power cut: recovery ends in one of two states.
func TestKitchenSinkKilled(t *testing.T) {
	for _, test := range []struct {
		fail string
		way  moment
	}{
		{"", moment{before: true}},
		{"", moment{power: true}},
		{"last", moment{}},
		{"last", moment{power: true}},
		{"branch", moment{}},
		{"rescue", moment{}},
	} {
		t.Run(fmt.Sprintf("fails at %q, before %v, power %v", test.fail, test.way.before, test.way.power), func(t *testing.T) {
			t.Parallel()
			moments := 0
			for when := test.way; ; moments++ {
				when.record++
				if !killSink(t, test.fail, when, 0) {
					break
				}
			}
			if moments < 30 {
				t.Errorf("only %d moments came", moments)
			}
		})
	}
}

// TestKitchenSinkRecoveryKilled kills the recovery too.
func TestKitchenSinkRecoveryKilled(t *testing.T) {
	for _, record := range []int{12, 31, 58} {
		t.Run(fmt.Sprint(record), func(t *testing.T) {
			t.Parallel()
			for again := 1; killSink(t, "last", moment{record: record}, again); again++ {
			}
		})
	}
}

// recoverUnlocked recovers. The program that a parallel test starts holds the dead run's lock from its fork
// to its exec, which is waited for.
func recoverUnlocked(e *engine.Engine) (results []engine.Result, err error) {
	for range 500 {
		if results, err = e.Recover(context.Background()); fault.As(err) == nil || fault.As(err).Code != "lock-busy" {
			return results, err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return results, err
}

// killSink kills the run at a moment, and with again the recovery at that record too. It reports whether the
// last of these moments came.
func killSink(t *testing.T, fail string, when moment, again int) (died bool) {
	t.Helper()
	b := newBench(t)
	b.move("/dev/shm") // hundreds of runs, each with dozens of fsyncs
	program := b.sink(fail)
	died = b.killAt(when, func(e *engine.Engine) { _, _ = e.Run(context.Background(), program, nil) })
	if err := os.Remove(filepath.Join(b.directory, "inner.yaml")); err != nil {
		t.Fatal(err)
	}
	if again > 0 {
		died = b.killAt(moment{record: again}, func(e *engine.Engine) { _, _ = recoverUnlocked(e) })
	}
	results, err := recoverUnlocked(b.engine)
	if err != nil {
		t.Fatalf("%+v: recovery: %v", when, err)
	}
	for _, result := range results {
		if result.Status == engine.StatusBroken || len(result.Others) > 0 && fail != "rescue" {
			t.Errorf("%+v: %s, %v", when, result.Status, result.Others)
		}
	}
	if got := b.files(); got != kitchenSinkOld && (got != kitchenSinkNew || fail != "") {
		t.Errorf("%+v, again %d: neither old nor new:\n%s", when, again, got)
	}
	b.wantSettled()
	if t.Failed() {
		t.Fatal(b.events.text())
	}
	return died
}
