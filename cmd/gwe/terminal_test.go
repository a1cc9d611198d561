package main_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a real one, as far as the kernel goes. What is written on it is drawn on a screen that is as
// high as it must be.
type terminal struct {
	testing.TB
	master, slave *os.File
	mutex         sync.Mutex
	stream        strings.Builder
	// rows are the screen's, row is where the cursor is. shown has each row that was ever there.
	rows  []string
	row   int
	shown []string
	ended chan struct{}
}

func newTerminal(t testing.TB, columns, rows int) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	check(t, err)
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	check(t, err)
	check(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	check(t, err)
	screen := &terminal{TB: t, master: master, slave: slave, rows: []string{""}, ended: make(chan struct{})}
	screen.resize(columns, rows)
	t.Cleanup(func() { _ = master.Close() })
	go screen.read()
	return screen
}

func (s *terminal) resize(columns, rows int) {
	s.Helper()
	check(s, unix.IoctlSetWinsize(int(s.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(columns), Row: uint16(rows)}))
}

// read draws until no process has the terminal any more.
func (s *terminal) read() {
	defer close(s.ended)
	buffer := make([]byte, 64<<10)
	for {
		count, err := s.master.Read(buffer)
		s.mutex.Lock()
		s.stream.Write(buffer[:count])
		s.draw(string(buffer[:count]))
		s.mutex.Unlock()
		if err != nil {
			return
		}
	}
}

// control is what gwe uses of a terminal: colours, one way up, and clearing what is below.
var control = regexp.MustCompile(`^\x1b\[([0-9;]*)([mAJ])`)

func (s *terminal) draw(text string) {
	for text != "" {
		found := control.FindStringSubmatch(text)
		switch {
		case found != nil && found[2] == "A":
			up, _ := strconv.Atoi(found[1])
			s.row = max(0, s.row-up)
		case found != nil && found[2] == "J":
			s.rows = append(s.rows[:s.row], "")
		case found != nil:
		case text[0] == '\n':
			s.shown = append(s.shown, s.rows[s.row])
			s.row++
			if s.row == len(s.rows) {
				s.rows = append(s.rows, "")
			}
		case text[0] == '\r':
		case text[0] == '\x1b':
			s.Errorf("what is this for a terminal: %q", text[:min(len(text), 20)])
		default:
			s.rows[s.row] += text[:1]
		}
		if found != nil {
			text = text[len(found[0]):]
		} else {
			text = text[1:]
		}
	}
}

// on runs gwe on the terminal, and gives its exit code.
func (s *terminal) on(d *device, environment string, meanwhile func(), arguments ...string) int {
	s.Helper()
	command := d.command(arguments...)
	command.Env = append(command.Env, environment)
	command.Stdin, command.Stdout, command.Stderr = s.slave, s.slave, s.slave
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	check(s, command.Start())
	check(s, s.slave.Close())
	meanwhile()
	_ = command.Wait()
	<-s.ended
	return command.ProcessState.ExitCode()
}

// has fails the test where no row that was ever on the screen is so.
func (s *terminal) has(patterns ...string) {
	s.Helper()
	for _, pattern := range patterns {
		if !slices.ContainsFunc(s.shown, regexp.MustCompile(pattern).MatchString) {
			s.Errorf("the screen never had %q:\n%s", pattern, strings.Join(s.shown, "\n"))
		}
	}
}

// await waits for a row. Where it never comes the run is left to its own time-out, and the test has failed.
func (s *terminal) await(pattern string) {
	s.Helper()
	row := regexp.MustCompile(pattern)
	for range 600 {
		s.mutex.Lock()
		found := slices.ContainsFunc(s.shown, row.MatchString)
		s.mutex.Unlock()
		if found {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.Errorf("the screen never had %q", pattern)
}

// marked is a row of the log.
var marked = regexp.MustCompile(`^( *[@#*~-]|now:) `)

// waits is a run whose steps say nothing for a while.
const waits = `gwe: 1
name: waits
steps:
  - name: Look at the machine
    run: { argv: [sh, -c, "sleep 1.4; echo a line of output that is so long that a terminal of sixty columns has no room for all of it in a row"] }
    effects: none
  - name: Ask until it answers
    timeout: 5m
    retry: { attempts: 5, delay: 100ms }
    run: { argv: [sh, -c, "test -e asked && exec sleep 1.4; touch asked; exit 1"], dir: DIRECTORY }
    effects: none
  - name: Each of them
    for-each: [one, two]
    run: { argv: [sleep, "1.4"] }
    effects: none
  - name: Both
    parallel:
      - name: left
        run: { argv: [sleep, "1.4"] }
        effects: none
      - name: right
        wait-for: { file: DIRECTORY/never, within: 2s }
        allow-failure: true
  - commit: all is well
`

// TestASilentStepShowsThatItLives: with the elapsed time, the time-out that bounds it, its attempt, its round
// and its place. In the end nothing of that is on the screen, and long lines stand folded below their own
// text.
func TestASilentStepShowsThatItLives(t *testing.T) {
	d := newDevice(t)
	recipe := d.recipe("waits.yaml", strings.ReplaceAll(waits, "DIRECTORY", d.root))
	screen := newTerminal(t, 60, 24)
	if code := screen.on(d, "TERM=xterm", func() {}, "run", recipe); code != 0 {
		t.Errorf("exit code %d", code)
	}
	screen.has(
		`^  # Look at the machine: 1s of 10m, step 1 of 5$`,
		`^  # Ask until it an.: 1s of 5m, attempt 2 of 5, step 2 of 5$`,
		`^    \* 2 of 2: two: 1s of 10m, round 2 of 2, step 3 of 5$`,
		`^    \* left: 1s of 10m, step 4 of 5$`,
		`^    \* right: 1s of 2s, step 4 of 5$`,
	)
	for _, row := range screen.shown {
		if len(row) > 60 && marked.MatchString(row) {
			t.Errorf("a row is wider than the screen: %q", row)
		}
	}
	again := newTerminal(t, 60, 24)
	if again.on(d, "TERM=xterm", func() {}, "log"); strings.Contains(again.stream.String(), "\x1b[J") || !strings.Contains(again.stream.String(), "@ waits: Success") {
		t.Errorf("gwe log draws a status:\n%s", again.stream.String())
	}
	end := strings.Join(screen.rows, "\n")
	if strings.Contains(end, " step ") && strings.Contains(end, "of 5m") || strings.Contains(end, "of 10m") {
		t.Errorf("some of it is still there:\n%s", end)
	}
	if !strings.Contains(end, "    * | a line of output that is so long that a terminal of\n        sixty columns has no room for all of it in a row\n") {
		t.Errorf("the long line is not folded as it should be:\n%s", end)
	}
	if !strings.Contains(end, "* right: failed, as allowed (in 0:00:0") {
		t.Errorf("the failure is not told as one that was allowed:\n%s", end)
	}
}

// TestATerminalThatIsResized: the status follows the size.
func TestATerminalThatIsResized(t *testing.T) {
	d := newDevice(t)
	recipe := d.recipe("long.yaml", `gwe: 1
name: long
steps:
  - name: A step whose name is so long that a narrow terminal does not hold it
    run: { argv: [sh, -c, "until test -e enough; do sleep 0.1; done"], dir: `+d.root+` }
    effects: none
`)
	screen := newTerminal(t, 40, 10)
	screen.on(d, "TERM=xterm", func() {
		screen.await(`^  # A step wh\S*: [0-9]+s of 10m, step 1 of 1$`)
		screen.resize(120, 30)
		screen.await(`^  # A step whose name is so long that a narrow terminal does not hold it: [0-9]+s of 10m, step 1 of 1$`)
		check(t, os.WriteFile(d.root+"/enough", nil, 0o644))
	}, "run", recipe)
}

// TestOnlyATerminalIsDrawnOn: neither a dumb one, nor a pipe.
func TestOnlyATerminalIsDrawnOn(t *testing.T) {
	for _, environment := range []string{"TERM=dumb", "TERM="} {
		d := newDevice(t)
		screen := newTerminal(t, 60, 24)
		screen.on(d, environment, func() {}, "run", d.recipe("waits.yaml", strings.ReplaceAll(waits, "DIRECTORY", d.root)))
		if text := screen.stream.String(); strings.Contains(text, "\x1b") || strings.Contains(text, "step 1 of 5") || !strings.Contains(text, "Both") {
			t.Errorf("%s:\n%s", environment, text)
		}
	}
	for _, output := range []string{"tree", "plain"} {
		d := newDevice(t)
		told := d.gwe("run", d.recipe("waits.yaml", strings.ReplaceAll(waits, "DIRECTORY", d.root)), "--output", output)
		if strings.Contains(told.text, "\x1b") || strings.Contains(told.text, "step 1 of 5") || !strings.Contains(told.text, "a line of output that is so long that a terminal of sixty columns has no room for all of it in a row\n") {
			t.Errorf("%s:\n%s", output, told.text)
		}
	}
}

// TestPlainOutputIsInTheOrderOfTime: nothing is kept back and told late, and each line of steps side by side
// names its step.
func TestPlainOutputIsInTheOrderOfTime(t *testing.T) {
	d := newDevice(t)
	recipe := d.recipe("order.yaml", `gwe: 1
name: order
steps:
  - name: outer
    steps:
      - parallel:
          - name: left
            steps:
              - name: deep left
                run: { argv: [sh, -c, "for i in 1 2 3 4 5; do echo l$i; sleep 0.5; done"] }
                effects: none
          - name: right
            steps:
              - name: deep right
                run: { argv: [sh, -c, "for i in 1 2 3 4; do echo r$i; sleep 0.5; done; exit 1"] }
                effects: none
`)
	told := d.gwe("run", recipe)
	told.said(t, 3, "failed; everything was rolled back")
	last, all := "", ""
	for line := range strings.Lines(told.stdout) {
		if len(line) < 9 || line[2] != ':' || line[5] != ':' {
			continue
		}
		if line[:8] < last {
			t.Errorf("after %s comes %s", last, line)
		}
		last = line[:8]
		if _, said, found := strings.Cut(line, ": | "); found {
			said = strings.TrimSpace(said)
			all += said + " "
			if want := map[byte]string{'l': "deep left", 'r': "deep right"}[said[0]]; !strings.Contains(line, want+": | ") {
				t.Errorf("the line does not name %s: %s", want, line)
			}
		}
	}
	for _, pair := range []string{"l1 r2", "r1 l2", "l2 r3", "r2 l3"} {
		first, second, _ := strings.Cut(pair, " ")
		if strings.Index(all, first) > strings.Index(all, second) || !strings.Contains(all, first) {
			t.Errorf("%s is not before %s: %s", first, second, all)
		}
	}
	if lines := strings.Split(strings.TrimSpace(told.stdout), "\n"); !slices.ContainsFunc(lines[len(lines)-3:], func(line string) bool {
		return strings.Contains(line, " order: ERROR (in ") && strings.Contains(line, "deep right")
	}) {
		t.Errorf("the end does not say why:\n%s", told.stdout)
	}
}

// TestARefusedSignatureIsTheLastWord: the line that ends the run says why, in every format, and in the log
// that is kept.
func TestARefusedSignatureIsTheLastWord(t *testing.T) {
	d := newDevice(t)
	path := d.packItems("fw-2", release("fw-2")...)
	check(t, errors.Join(os.RemoveAll(d.keys), os.Mkdir(d.keys, 0o755)))
	g := newGnupg(t)
	check(t, os.WriteFile(d.keys+"/other.gpg", g.gpg(nil, "--export", "good"), 0o644))
	const reason = "which is not in the keyring"
	ends := func(output, text string) {
		t.Helper()
		var last string
		for line := range strings.Lines(text) {
			if strings.Contains(line, "ERROR (in ") {
				last = line
			}
		}
		if !strings.Contains(last, "refused: ") || !strings.Contains(last, reason) || !strings.Contains(last, "[package-signer-unknown]") {
			t.Errorf("%s ends with %q:\n%s", output, last, text)
		}
	}
	for _, command := range [][]string{d.updating(path), {"log"}} {
		for _, output := range []string{"tree", "plain"} {
			ends(output, d.gwe(append(slices.Clone(command), "--output", output)...).text)
		}
		told := d.gwe(append(slices.Clone(command), "--output", "json")...)
		ended := map[string]bool{}
		for decoder := json.NewDecoder(strings.NewReader(told.stdout)); ; {
			var one struct {
				Kind, Error, Code, Status string
				Task                      int
			}
			if err := decoder.Decode(&one); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v:\n%s", err, told.stdout)
			}
			if one.Kind == "result" || one.Kind == "ended" && one.Task == 1 {
				ended[one.Kind] = one.Status == "refused" && one.Code == "package-signer-unknown" && strings.Contains(one.Error, reason)
			}
		}
		if !ended["ended"] || command[0] == "run" && !ended["result"] {
			t.Errorf("%v in JSON does not say why: %v\n%s", command, ended, told.stdout)
		}
	}
	screen := newTerminal(t, 1000, 24)
	if code := screen.on(d, "TERM=xterm", func() {}, d.updating(path)...); code != 6 {
		t.Errorf("exit code %d", code)
	}
	ends("the terminal", strings.Join(screen.rows, "\n")+"\n")
}

// TestASignalBesideTheStatus: what gwe says to it stays on the screen.
func TestASignalBesideTheStatus(t *testing.T) {
	d := newDevice(t)
	recipe := d.recipe("slow.yaml", "gwe: 1\nname: slow\nsteps:\n  - name: Sleep\n    run: { argv: [sleep, \"20\"] }\n    effects: none\n")
	screen := newTerminal(t, 80, 24)
	code := screen.on(d, "TERM=xterm", func() {
		time.Sleep(1500 * time.Millisecond)
		_, err := screen.master.WriteString("\x03")
		check(t, err)
	}, "run", recipe)
	end := strings.Join(screen.rows, "\n")
	if code != 130 || !strings.Contains(end, "gwe: interrupt: stopping in an orderly way") || strings.Contains(end, "of 10m") || strings.Count(end, "@ slow:") != 2 {
		t.Errorf("exit code %d:\n%s", code, end)
	}
}
