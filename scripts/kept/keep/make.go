//go:build amd64

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/scripts/crash/trace"
	"github.com/gwe-project/gwe/scripts/kept"
)

type maker struct {
	scratch, gwe string
	tracer       *trace.Tracer
}

// make makes the runs of a step type on a new disk, lets today's gwe undo them on a copy of it, and keeps the
// disk.
func (m maker) make(ctx context.Context, run kept.Run) error {
	sample, err := kept.SampleOf(run.Type)
	if err != nil {
		return err
	}
	run.Recipe, run.Daemon = sample.Recipe(), sample.Daemon
	if err := m.disk("dry", run.Type, func() (err error) {
		run.Ways, err = m.choose(ctx, sample)
		return err
	}); err != nil {
		return err
	}
	if err := m.disk("disk", run.Type, func() error {
		for _, way := range run.Order() {
			if err := m.carryOut(ctx, sample, way, &run); err != nil {
				return fmt.Errorf("%s: %w", way, err)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if err := m.tryAll(ctx, run); err != nil {
		return err
	}
	return run.Write(runs, m.image("disk"))
}

func (m maker) image(name string) string { return filepath.Join(m.scratch, name) }

// sizeOfDisk is enough for what three journals reserve.
const sizeOfDisk = 16 << 20

// disk makes an empty disk and mounts it while do works there. What was removed from it leaves nothing
// behind.
func (m maker) disk(name, stepType string, do func() error) (err error) {
	image := m.image(name)
	if err := errors.Join(os.RemoveAll(image), os.WriteFile(image, nil, 0o600), os.Truncate(image, sizeOfDisk)); err != nil {
		return err
	}
	const same = "00000000-0000-4000-8000-000000000000"
	if err := command("mkfs.ext4", "-q", "-F", "-b", "1024", "-I", "256", "-N", "2048", "-m", "0", "-O", "^has_journal,^resize_inode", "-U", same,
		"-E", "lazy_itable_init=0,hash_seed="+same, image); err != nil {
		return err
	}
	unmount, err := kept.Mount(image, stepType)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unmount()) }()
	top := filepath.Dir(kept.At("", stepType, kept.Done).Path(""))
	if err := os.Remove(filepath.Join(top, "lost+found")); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return command("fstrim", top)
}

// carryOut makes one run: it is killed at its moment, or goes to its end.
func (m maker) carryOut(ctx context.Context, sample kept.Sample, way kept.Way, run *kept.Run) (err error) {
	point := run.Ways[way]
	came := point == ""
	run.Old, err = m.traced(ctx, sample, way, func(p trace.Point) trace.Action {
		if point != "" && p.String() == point {
			came = true
			return trace.KillBefore()
		}
		return trace.GoOn()
	})
	if err != nil && !(came && point != "" && errors.Is(err, errKilled)) {
		return err
	}
	if !came || err == nil && point != "" {
		return fmt.Errorf("it was not killed at %s", point)
	}
	s := kept.At(m.gwe, sample.Type, way)
	if err := s.Rewrite(invent); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(s.Path("shared")), os.Remove(s.Path("recipe.yaml")), os.RemoveAll(s.Path("used.yaml")))
}

// errKilled says that gwe was killed.
var errKilled = errors.New("gwe was killed")

// ends are the exit codes of the commands that are traced, if nothing kills them.
var ends = map[kept.Way]int{kept.Unwinding: 3, kept.Suspended: 75}

// traced arranges a site and has gwe carry out what makes a run of a way.
func (m maker) traced(ctx context.Context, sample kept.Sample, way kept.Way, decide func(trace.Point) trace.Action) (old string, err error) {
	s := kept.At(m.gwe, sample.Type, way)
	if err := sample.Make(s); err != nil {
		return "", err
	}
	if old, err = kept.Picture(s.Path("root")); err != nil {
		return "", err
	}
	end, err := s.Supervise(ctx, sample.Daemon)
	if err != nil {
		return "", err
	}
	defer end()
	if sample.Daemon != "" {
		if err := s.Control(sample.Daemon, "start", "app"); err != nil {
			return "", err
		}
	}
	words := []string{"run", s.Path("recipe.yaml")}
	if sample.Type == kept.Constructs {
		words = append(words, "-i", "token=@"+s.Path("shared/token"), "-i", fmt.Sprintf("fail=%v", way == kept.Unwinding), "-i", fmt.Sprintf("wait=%v", way == kept.Suspended))
	}
	if way == kept.Rollback {
		if code, said, err := s.Gwe(words...); err != nil || code != 0 {
			return "", errors.Join(err, fmt.Errorf("the run ended with %d\n%s", code, said))
		}
		words = []string{"rollback"}
	}
	return old, m.trace(s, words, ends[way], decide)
}

// trace runs a gwe at a site. It must end with an exit code, or be killed: that is errKilled.
func (m maker) trace(s kept.Site, words []string, want int, decide func(trace.Point) trace.Action) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	output, err := os.Create(filepath.Join(m.scratch, "output"))
	if err != nil {
		return err
	}
	defer output.Close()
	status, err := m.tracer.Run(trace.Program{
		Arguments: s.Command(words...), Environment: s.Environment(), Output: output, Root: s.Path(""), Launcher: []string{self, "launch"},
	}, decide)
	if err != nil {
		return err
	}
	if status.Signaled() && status.Signal() == syscall.SIGKILL {
		return errKilled
	}
	if status.ExitStatus() != want {
		text, _ := os.ReadFile(output.Name())
		return fmt.Errorf("it ended with %d, not with %d\n%s", status.ExitStatus(), want, text)
	}
	return nil
}

// tryAll lets today's gwe undo each of the runs.
func (m maker) tryAll(ctx context.Context, run kept.Run) (err error) {
	if err := command("cp", "--sparse=always", m.image("disk"), m.image("tried")); err != nil {
		return err
	}
	unmount, err := kept.Mount(m.image("tried"), run.Type)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unmount()) }()
	for _, way := range run.Order() {
		if said, err := run.Undo(ctx, m.gwe, way); err != nil {
			return fmt.Errorf("today's gwe does not undo the run %s: %w\n%s", way, err, said)
		}
	}
	return nil
}

// invent replaces what a record tells of the machine.
func invent(data []byte) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) != nil {
		return data
	}
	changed := false
	for name, value := range map[string]string{
		"boot": `"00000000-0000-4000-8000-000000000000"`,
		"host": `{"architecture":"amd64","kernel":"6.1.0","memory":"1048576KiB","name":"gateway","os":"linux"}`,
	} {
		if members[name] != nil {
			members[name], changed = json.RawMessage(value), true
		}
	}
	if !changed {
		return data
	}
	text, err := json.Marshal(members)
	if err != nil {
		return data
	}
	return text
}

func command(arguments ...string) error {
	if output, err := exec.Command(arguments[0], arguments[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(arguments, " "), err, output)
	}
	return nil
}
