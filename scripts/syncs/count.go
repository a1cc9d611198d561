package syncs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gwe-project/gwe/bundle"
)

// Count is what a step costs.
type Count struct {
	// Name is the step type's, and the form in which it was tried.
	Name string
	// Type is the step type's alone.
	Type string
	// Forward is for going forward, Back for the undo: 0 where there is none.
	Forward, Back int
}

// Each counts the syncs of all samples, one after the other, in a scratch directory that is on one file
// system with all that it touches, and tells the result of each.
func Each(gwe, scratch string, tell func(Count)) error {
	for program, install := range map[string]string{"strace": "strace", "supervisord": "supervisor"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("missing: %s; on Debian: apt-get install %s", program, install)
		}
	}
	// The name of a socket is short, and so is that of the directory.
	shared := filepath.Join(scratch, "s")
	if err := pack(shared); err != nil {
		return err
	}
	var failures []error
	for _, one := range samples {
		counter := counter{gwe: gwe, scratch: scratch, shared: shared, sample: one}
		count, err := counter.count()
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", one.name, err))
			continue
		}
		tell(count)
	}
	return errors.Join(failures...)
}

// pack makes what the steps unpack: a package, a plain archive of the same, and the directory itself.
func pack(directory string) error {
	s := site{root: directory}
	s.write("content\n", "app/a", "app/b/c")
	key, err := bundle.NewKey("vendor", "", bundle.NewKeyOptions{Directory: directory})
	if err != nil {
		return err
	}
	s.check(s.err)
	if _, err := bundle.ImportKeys(s.path("keys"), key.Public); err != nil {
		return err
	}
	if _, err := bundle.Pack(context.Background(), bundle.PackOptions{Directory: s.path("app"), SigningKey: key.Secret, Output: s.path("app.tar.zst.gpg")}); err != nil {
		return err
	}
	output, err := exec.Command("tar", "-C", directory, "-cf", s.path("app.tar"), "app").CombinedOutput()
	if err != nil {
		return fmt.Errorf("tar: %w\n%s", err, output)
	}
	return s.err
}

type counter struct {
	gwe, scratch, shared string
	sample
}

// count runs the step once and twice, each time with a step after it that fails.
func (c counter) count() (Count, error) {
	once, err := c.run(1)
	if err != nil {
		return Count{}, err
	}
	twice, err := c.run(2)
	return Count{Name: c.name, Type: c.stepType(), Forward: twice.forward - once.forward, Back: twice.back - once.back}, err
}

// counted are the syncs of one run before it turned back, and from then on.
type counted struct{ forward, back int }

// run counts the syncs of one run.
func (c counter) run(steps int) (found counted, err error) {
	directory := filepath.Join(c.scratch, "r")
	if err := os.Mkdir(directory, 0o755); err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	var recipe strings.Builder
	fmt.Fprintf(&recipe, "gwe: 1\nname: counted\n%ssteps:\n", c.head)
	for number := range steps {
		s := site{root: filepath.Join(directory, fmt.Sprint(number)), shared: c.shared}
		s.check(os.Mkdir(s.root, 0o755))
		if c.arrange != nil {
			c.arrange(&s)
		}
		if s.err != nil {
			return found, s.err
		}
		if s.daemon != "" {
			end, err := supervise(s)
			if err != nil {
				return found, err
			}
			defer end()
		}
		fmt.Fprintf(&recipe, "  - %s\n", strings.NewReplacer("ROOT", s.root, "SHARED", c.shared).Replace(c.step))
	}
	recipe.WriteString("  - assert: { that: false, message: the way back is counted too }\n")
	file, trace := filepath.Join(directory, "recipe.yaml"), filepath.Join(directory, "trace")
	if err := os.WriteFile(file, []byte(recipe.String()), 0o644); err != nil {
		return found, err
	}
	arguments := []string{"-f", "-qq", "-o", trace, "-e", "trace=fsync,fdatasync,syncfs,pwrite64", "-s", "200", "-e", "signal=none",
		c.gwe, "--state-dir", filepath.Join(directory, "state"), "run", file}
	if strings.Contains(c.head, "token") {
		arguments = append(arguments, "-i", "token=env:TOKEN")
	}
	command := exec.Command("strace", arguments...)
	command.Env = append(os.Environ(), "TOKEN=secret")
	output, err := command.CombinedOutput()
	if code := command.ProcessState.ExitCode(); code != exitPutBack && code != exitRefused {
		return found, fmt.Errorf("it ended with %v\n%s\n%s", err, recipe.String(), output)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		return found, err
	}
	forward, back, turned := strings.Cut(string(text), `\"kind\":\"unwind\"`)
	if !turned {
		return found, errors.New("it did not turn back")
	}
	return counted{syncsIn(forward), syncsIn(back)}, nil
}

// The exit codes of a run that failed: what it had done is rolled back, or it had done nothing.
const (
	exitPutBack = 3
	exitRefused = 6
)

// syncsIn counts the calls in lines of strace. A call that another thread interrupts has a second line, which
// says so instead of the arguments.
func syncsIn(lines string) int {
	return strings.Count(lines, "sync(") + strings.Count(lines, "syncfs(")
}

// supervise starts a supervisord, waits until it answers, and gives what ends it.
func supervise(s site) (end func(), err error) {
	daemon := exec.Command("supervisord", "-c", s.daemon)
	if err := daemon.Start(); err != nil {
		return nil, err
	}
	end = func() {
		_ = daemon.Process.Signal(syscall.SIGTERM)
		_ = daemon.Wait()
	}
	for range 3000 {
		output, _ := exec.Command("supervisorctl", "-c", s.daemon, "status").CombinedOutput()
		if strings.Contains(string(output), "RUNNING") {
			return end, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	end()
	return nil, fmt.Errorf("supervisord does not answer at %s", s.path("sock"))
}
