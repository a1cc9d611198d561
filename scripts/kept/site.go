package kept

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

	"golang.org/x/sys/unix"
)

// base is where disks are mounted: journals hold absolute paths.
const base = "/var/tmp/gwe-kept"

// Apart gives the calling thread mounts of its own. The goroutine must be locked to it, and stay so.
func Apart() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("cannot make a mount namespace: %w", err)
	}
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
}

// Mount mounts an image where the runs of a step type work. Only the caller's mount namespace sees it: see
// Apart.
func Mount(image, stepType string) (unmount func() error, err error) {
	if err := hide(); err != nil {
		return nil, err
	}
	at := filepath.Join(base, stepType)
	if err := os.MkdirAll(at, 0o755); err != nil {
		return nil, err
	}
	if err := command("mount", "-o", "loop,noatime,discard", image, at); err != nil {
		return nil, err
	}
	return func() error { return command("umount", at) }, nil
}

// hide mounts an empty file system at base, so that nothing but one empty directory is left there.
func hide() error {
	if err := os.MkdirAll(base, 0o755); err != nil {
		return err
	}
	var there unix.Statfs_t
	if err := unix.Statfs(base, &there); err != nil || there.Type == unix.TMPFS_MAGIC {
		return err
	}
	return unix.Mount("tmpfs", base, "tmpfs", 0, "mode=755")
}

// Site is one run on a mounted disk.
type Site struct {
	// Program is the path of the gwe that works here.
	Program   string
	directory string
}

// At is the site of a step type's run.
func At(program, stepType string, way Way) Site {
	return Site{program, filepath.Join(base, stepType, string(way))}
}

// Path is a path on the site: root is the tree, state the state directory, shared holds the inputs.
func (s Site) Path(name string) string { return filepath.Join(s.directory, name) }

// Expand replaces ROOT and SHARED in a recipe.
func (s Site) Expand(recipe string) string {
	return strings.NewReplacer("ROOT", s.Path("root"), "SHARED", s.Path("shared")).Replace(recipe)
}

// Command is the command line of a gwe that works here.
func (s Site) Command(arguments ...string) []string {
	return append([]string{s.Program, "--state-dir", s.Path("state"), "--output", "plain"}, arguments...)
}

// Environment is that of such a gwe. The directory of locks lies on the disk.
func (s Site) Environment() []string {
	return []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "GWE_LOCK_DIR=" + s.Path("locks")}
}

// Gwe runs a gwe here to its end.
func (s Site) Gwe(arguments ...string) (code int, said string, err error) {
	argv := s.Command(arguments...)
	gwe := exec.Command(argv[0], argv[1:]...)
	gwe.Env = s.Environment()
	output, err := gwe.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = nil
	}
	return gwe.ProcessState.ExitCode(), string(output), err
}

// Journal is the path of the only run's journal.
func (s Site) Journal() (string, error) {
	found, err := filepath.Glob(s.Path("state/runs/*/journal"))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("there are %d journals in %s, and there should be one", len(found), s.Path("state/runs"))
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}

// Supervise starts a supervisord that the site needs, if any, and waits until it answers. Its program is
// stopped.
func (s Site) Supervise(ctx context.Context, configuration string) (end func(), err error) {
	if configuration == "" {
		return func() {}, nil
	}
	file := filepath.Join(s.Path("root"), configuration)
	daemon := exec.CommandContext(ctx, "supervisord", "-c", file)
	if err := daemon.Start(); err != nil {
		return nil, err
	}
	end = func() {
		_ = daemon.Process.Signal(syscall.SIGTERM)
		_ = daemon.Wait()
	}
	for range 3000 {
		if s.Supervised(configuration) != "" {
			return end, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	end()
	return nil, fmt.Errorf("supervisord with %s does not answer", file)
}

// Control has supervisorctl do something.
func (s Site) Control(configuration string, words ...string) error {
	return command(append([]string{"supervisorctl", "-c", filepath.Join(s.Path("root"), configuration)}, words...)...)
}

// Supervised is the state of the program that supervisord runs; "" if it does not answer.
func (s Site) Supervised(configuration string) string {
	output, _ := exec.Command("supervisorctl", "-c", filepath.Join(s.Path("root"), configuration), "status", "app").Output()
	if words := strings.Fields(string(output)); len(words) > 1 && words[0] == "app" {
		return words[1]
	}
	return ""
}

func command(arguments ...string) error {
	if output, err := exec.Command(arguments[0], arguments[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(arguments, " "), err, output)
	}
	return nil
}
