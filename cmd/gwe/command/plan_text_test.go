package command

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

var update = flag.Bool("update", false, "write the golden files again")

// golden compares with a file below testdata, or writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s has\n%s\nbut now it is\n%s", file, want, got)
	}
}

// everyRow is a plan in which everything happens that a plan can show.
func everyRow() engine.Plan {
	return engine.Plan{
		Recipe: "gateway",
		Facts: []engine.Fact{
			{Name: "board", Source: "run board-id --name"},
			{Name: "slot", Source: "file /run/slot", Asked: true, Value: 2},
			{Name: "modem", Source: "file /run/modem", Asked: true},
			{Name: "room", Source: "free /opt", Asked: true, Value: value.SizeOf(3 << 30)},
			{Name: "broken", Source: "file /run/broken", Asked: true, Err: fault.New(fault.Refused, "fact-unavailable", "the fact broken cannot be read")},
		},
		Steps: []engine.PlannedStep{
			{Section: "steps", Name: "current (read-link)", Do: []string{"read /opt/firmware/current: it names /opt/firmware/firmware-1"}, Guard: engine.WillRun},
			{Section: "steps", Name: "Verify and unpack a package with quite a long name beside the running release", Guard: engine.WillRun, Changes: true,
				Do: []string{"verify it", "unpack it into /opt/firmware/a/very/long/path/without/any/blank/in/it"}, Undo: []string{"run .post-install", "remove the new release"}},
			{Section: "steps", Name: "Stop", Guard: engine.WillSkip, When: "len(inputs.programs) > 0", Changes: true},
			{Section: "steps", Name: "Ask", Guard: engine.Depends, When: "steps.fw.files > 3 and facts.board == \"x\"", Waits: []string{"facts.board", "steps.fw.files"},
				Do: []string{"run ask <steps.fw.path>"}, Needs: []string{"steps.fw.path"}, Changes: true},
			{Section: "steps", Name: "Switch", Guard: engine.WillRun, Changes: true, Nothing: true, Do: []string{"leave it"}},
			{Section: "steps", Name: "Größe prüfen", Guard: engine.WillRun, Do: []string{"disk-space path=/srv"}, Problem: "there is no directory /srv"},
			{Section: "steps", Name: "commit", Guard: engine.WillRun, Commit: true, Do: []string{"commit: in place"}},
			{Section: "steps", Name: "prune", Guard: engine.WillRun, Changes: true, Do: []string{"remove firmware-0"}, Undo: []string{"put firmware-0 back"}},
			{Section: "failsafe", Name: "swap-link", Guard: engine.WillRun, Changes: true, Do: []string{"point current at failsafe"}},
			{Section: "finally", Name: "run", Guard: engine.WillRun, Changes: true, Do: []string{"run logger done"}},
		},
		Reads: 5 << 20, Writes: 1000,
		Space: []engine.PlannedSpace{{Directory: "/opt/firmware", Needs: 3 << 20, Free: 1 << 30}, {Directory: "/etc", Needs: 2 << 10, Free: 1 << 10}},
	}
}

func TestPlanText(t *testing.T) {
	for _, columns := range []int{100, 72, 40} {
		text := planText(everyRow(), columns)
		golden(t, fmt.Sprintf("testdata/plan-%d.txt", columns), text)
	}
}

// Values of several lines do not break the columns.
func TestPlanKeepsItsColumns(t *testing.T) {
	plan := engine.Plan{Recipe: "lines", Steps: []engine.PlannedStep{
		{Section: "steps", Name: "a\nname", Guard: engine.WillRun, Changes: true, Do: []string{"commit: one\ntwo\n"}, Undo: []string{"write\r\nit\tback"}, Problem: "no\nprogram"},
	}}
	text := planText(plan, 100)
	for _, want := range []string{`a\nname`, `commit: one\ntwo `, `write\nit\tback`, `no\nprogram`} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %s:\n%s", want, text)
		}
	}
	for line := range strings.Lines(text[strings.Index(text, "a\\n"):]) {
		if strings.TrimSpace(line) != "" && !strings.Contains(line, "│") && !strings.Contains(line, "───") {
			t.Errorf("a line is out of its column: %q", line)
		}
	}
}

// TestPlanFits: no line is wider than the terminal, whatever its width.
func TestPlanFits(t *testing.T) {
	for columns := 24; columns <= widestPlan; columns++ {
		for line := range strings.Lines(planText(everyRow(), columns)) {
			if got := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); got > columns {
				t.Errorf("%d columns: a line has %d: %s", columns, got, line)
			}
		}
	}
}

// TestAPlanWithoutCommit: such a recipe commits when its steps are through.
func TestAPlanWithoutCommit(t *testing.T) {
	for _, last := range []string{"steps", "finally"} {
		plan := engine.Plan{Recipe: "r", Steps: []engine.PlannedStep{
			{Section: "steps", Name: "first", Guard: engine.WillRun}, {Section: last, Name: "last", Guard: engine.WillRun},
		}}
		text := planText(plan, 100)
		if strings.Count(text, noReturn) != 1 || last == "finally" && strings.Index(text, noReturn) > strings.Index(text, "finally:") {
			t.Errorf("the point of no return is not where it is:\n%s", text)
		}
	}
}
