package release_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/release"
)

func list(of any) []any {
	all, _ := of.([]any)
	return all
}

// start starts a program that runs until the test ends.
func start(t *testing.T, command *exec.Cmd) {
	t.Helper()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = command.Process.Kill(), command.Wait() })
}

// TestPruneKeepsWhatIsInUse: the oldest release stays, whoever uses it and however, and the plan says why.
func TestPruneKeepsWhatIsInUse(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	program := func(t *testing.T, to string) {
		if output, err := exec.Command("cp", sleep, to).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, output)
		}
	}
	privileged := func(t *testing.T) {
		need.Root(t, "it mounts, and changes its root directory")
	}
	for name, c := range map[string]struct {
		use func(t *testing.T, base, dir string)
		why string
	}{
		"a link beside the directory": {func(t *testing.T, base, dir string) { build(t, base, map[string]string{"current": "-> releases/r1"}) }, "/current leads to it"},
		"an absolute link beside": {func(t *testing.T, base, dir string) {
			build(t, base, map[string]string{"current": "-> " + dir + "/r1"})
		}, "/current leads to it"},
		"a link beside that leads into it": {func(t *testing.T, base, dir string) { build(t, base, map[string]string{"web": "-> releases/r1/f"}) }, "/web leads to it"},
		"over another link, with two names": {func(t *testing.T, base, dir string) {
			build(t, base, map[string]string{"a": "-> b", "b": "-> releases/r1"})
		}, "/b leads to it"},
		"a program": {func(t *testing.T, base, dir string) {
			program(t, dir+"/r1/program")
			start(t, exec.Command(dir+"/r1/program", "60"))
		}, "(program) runs from it"},
		"a program that was replaced": {func(t *testing.T, base, dir string) {
			program(t, dir+"/r1/program")
			start(t, exec.Command(dir+"/r1/program", "60"))
			if err := os.Remove(dir + "/r1/program"); err != nil {
				t.Fatal(err)
			}
		}, "(program) runs from it"},
		"a working directory": {func(t *testing.T, base, dir string) {
			build(t, dir, map[string]string{"r1/deep/er": "/"})
			command := exec.Command(sleep, "60")
			command.Dir = dir + "/r1/deep/er"
			start(t, command)
		}, "(sleep) runs from it"},
		"a script": {func(t *testing.T, base, dir string) {
			build(t, dir, map[string]string{"r1/script": "while :; do sleep 1; done\n"})
			start(t, exec.Command("/bin/sh", dir+"/r1/script"))
		}, "(sh) runs from it"},
		"a mapped file": {func(t *testing.T, base, dir string) {
			build(t, dir, map[string]string{"r1/mapped": strings.Repeat("x", 5000)})
			file, err := os.Open(dir + "/r1/mapped")
			if err != nil {
				t.Fatal(err)
			}
			mapped, err := unix.Mmap(int(file.Fd()), 0, 5000, unix.PROT_READ, unix.MAP_SHARED)
			if err != nil {
				t.Fatal(err)
			}
			_ = file.Close()
			t.Cleanup(func() { _ = unix.Munmap(mapped) })
		}, "runs from it"},
		"a root directory": {func(t *testing.T, base, dir string) {
			privileged(t)
			build(t, dir, map[string]string{"r1/root/proc": "/"})
			for _, path := range []string{"/bin", "/lib", "/lib64", "/usr"} {
				if _, err := os.Lstat(path); err == nil {
					build(t, dir, map[string]string{"r1/root" + path: "/"})
				}
			}
			// The program continues without anything of its root directory: it needs none once it runs.
			command := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c",
				"for i in bin lib lib64 usr; do [ ! -e /$i ] || mount --bind /$i "+dir+"/r1/root/$i; done; exec chroot "+dir+"/r1/root /bin/sleep 60")
			start(t, command)
			waitFor(t, func() bool {
				text, _ := os.Readlink(fmt.Sprintf("/proc/%d/root", command.Process.Pid))
				return strings.HasSuffix(text, "/r1/root")
			})
		}, "runs from it"},
		"a bind mount elsewhere": {func(t *testing.T, base, dir string) {
			privileged(t)
			build(t, base, map[string]string{"www": "/", "releases/r1/web/f": ""})
			mount(t, base+"/www", "--bind", dir+"/r1/web", base+"/www")
		}, "/www is mounted from it"},
		"a program in a bind mount elsewhere": {func(t *testing.T, base, dir string) {
			privileged(t)
			build(t, base, map[string]string{"app": "/"})
			program(t, dir+"/r1/program")
			mount(t, base+"/app", "--bind", dir+"/r1", base+"/app")
			start(t, exec.Command(base+"/app/program", "60"))
		}, "(program) runs from it"},
	} {
		for _, linked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, reached by a link %v", name, linked), func(t *testing.T) {
				base := t.TempDir()
				dir := filepath.Join(base, "releases")
				build(t, dir, map[string]string{"r1/f": ""})
				for _, later := range []string{"r2/f", "r3/f"} {
					waitForClock(t, dir)
					build(t, dir, map[string]string{later: ""})
				}
				c.use(t, base, dir)
				given := dir
				if linked {
					given = filepath.Join(t.TempDir(), "alias")
					if err := os.Symlink(dir, given); err != nil {
						t.Fatal(err)
					}
				}
				arguments := map[string]any{"dir": given, "keep": 1}
				plan, err := release.Prune().Plan(t.Context(), step.Local{}, arguments)
				if err != nil || !slices.ContainsFunc(plan.Do, func(line string) bool {
					return strings.HasPrefix(line, "keep r1: ") && strings.Contains(line, c.why)
				}) {
					t.Errorf("the plan does not say %q: %q, %v", c.why, plan.Do, err)
				}
				outputs, _, err := act(t, release.Prune(), runOf(t), arguments)
				if got := fmt.Sprint(outputs["kept"], outputs["removed"]); err != nil || got != "[r3 r1] [r2]" {
					t.Errorf("kept and removed are %s, %v", got, err)
				}
			})
		}
	}
}

func mount(t *testing.T, point string, arguments ...string) {
	t.Helper()
	if output, err := exec.Command("mount", arguments...).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v: %s", err, output)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", point).Run() })
}

func waitFor(t *testing.T, so func() bool) {
	t.Helper()
	for range 500 {
		if so() {
			return
		}
		_ = exec.Command("sleep", "0.01").Run()
	}
	t.Fatal("it never came")
}

// retaining is a machine of which a plan knows what an undo needs.
type retaining struct {
	step.Local
	path string
}

func (r retaining) Leased(path string) bool { return path == r.path }

func TestPrunePlansWhatIsRetained(t *testing.T) {
	root := t.TempDir()
	build(t, root, map[string]string{"r1/f": ""})
	waitForClock(t, root)
	build(t, root, map[string]string{"r2/f": ""})
	plan, err := release.Prune().Plan(t.Context(), retaining{path: root + "/r1"}, map[string]any{"dir": root, "keep": 1})
	if err != nil || !plan.Nothing || !slices.Contains(plan.Do, "keep r1: the undo of a run needs it") {
		t.Errorf("%+v, %v", plan, err)
	}
}
