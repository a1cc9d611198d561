package ci_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/examples/ci"
)

const (
	right = "gwe: 1\nname: right\nsteps:\n  - read-link: /opt/app/current\n"
	wrong = "gwe: 1\nname: wrong\nsteps:\n  - raed-link: /opt/app/current\n"
)

// goPath has gwe in bin, built once for all tests, as the workflow installs it.
var goPath string

func TestMain(m *testing.M) {
	os.Exit(withGwe(m))
}

func withGwe(m *testing.M) (code int) {
	directory, err := os.MkdirTemp("", "gwe-ci")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(directory)
	goPath = directory
	build := exec.Command("go", "build", "-o", filepath.Join(directory, "bin", "gwe"), "../../cmd/gwe")
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, output)
		return 1
	}
	return m.Run()
}

// shop is a vendor's directory, with git and gwe in PATH.
type shop struct {
	t         *testing.T
	directory string
	path      string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatal("git is missing: scripts/test installs it")
	}
	return &shop{t, t.TempDir(), filepath.Join(goPath, "bin") + ":" + os.Getenv("PATH")}
}

func (s *shop) run(name string, arguments ...string) (string, error) {
	command := exec.Command("/usr/bin/env", append([]string{name}, arguments...)...) // it looks into the PATH below
	command.Dir = s.directory
	command.Env = []string{ // none of the developer's own configuration
		"PATH=" + s.path, "HOME=" + s.directory, "GOPATH=" + goPath, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org",
	}
	output, err := command.CombinedOutput()
	return string(output), err
}

func (s *shop) must(name string, arguments ...string) {
	s.t.Helper()
	if output, err := s.run(name, arguments...); err != nil {
		s.t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, output)
	}
}

func (s *shop) write(name, content string) {
	s.t.Helper()
	file := filepath.Join(s.directory, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

// TestGitHook: with the hook in place, git refuses a commit with a wrong recipe, names the line, and takes
// the right one. What is in the work tree alone does not count.
func TestGitHook(t *testing.T) {
	s := newShop(t)
	s.must("git", "init", "-q")
	hook, err := os.ReadFile("pre-commit")
	if err != nil {
		t.Fatal(err)
	}
	s.write(".git/hooks/pre-commit", string(hook))

	s.write("README.md", "no recipe at all\n")
	s.write("compose.yaml", "services: {}\n")
	s.must("git", "add", "-A")
	s.must("git", "commit", "-q", "-m", "without a recipe")

	s.write("my recipes/a.yaml", wrong)
	s.must("git", "add", "-A")
	output, err := s.run("git", "commit", "-q", "-m", "wrong")
	if err == nil || !strings.Contains(output, "my recipes/a.yaml:4:5: ") || !strings.Contains(output, `did you mean "read-link"?`) {
		t.Fatalf("the wrong recipe was committed, or not named: %v\n%s", err, output)
	}
	s.write("my recipes/a.yaml", right)
	if _, err := s.run("git", "commit", "-q", "-m", "the wrong one is still staged"); err == nil {
		t.Fatal("the work tree was checked, not what is staged")
	}
	s.must("git", "add", "-A")
	s.must("git", "commit", "-q", "-m", "right")
}

// TestPreCommitHook: the entry of .pre-commit-hooks.yaml does what pre-commit expects of one: files after
// it, 0 or not.
func TestPreCommitHook(t *testing.T) {
	content, err := os.ReadFile(".pre-commit-hooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var hooks []struct{ ID, Name, Entry, Language, Files, Exclude string }
	if err := yaml.Unmarshal(content, &hooks); err != nil || len(hooks) != 1 || hooks[0].Language != "system" {
		t.Fatalf("%v: %+v", err, hooks)
	}
	if !regexp.MustCompile(hooks[0].Files).MatchString("recipes/a.yaml") || !regexp.MustCompile(hooks[0].Exclude).MatchString("recipes/a.test.yaml") {
		t.Errorf("%+v", hooks[0])
	}
	s := newShop(t)
	s.write("recipes/right.yaml", right)
	s.write("recipes/wrong.yaml", wrong)
	entry := strings.Fields(hooks[0].Entry)
	s.must(entry[0], append(entry[1:], "recipes/right.yaml")...)
	if _, err := s.run(entry[0], append(entry[1:], "recipes/right.yaml", "recipes/wrong.yaml")...); err == nil {
		t.Error("a wrong recipe passes")
	}
}

// TestWorkflow runs the steps Install, Validate and Test of the workflow as the runner would, with a package
// from a local file server, a right recipe and a wrong one. GWE_TEST_PACKAGE is the package of a release;
// without it one is made of the gwe of these tests.
func TestWorkflow(t *testing.T) {
	w := newWorkflow(t)
	if output, err := w.step("Install gwe"); err != nil || strings.Contains(output, "::warning::") {
		t.Fatalf("%v\n%s", err, output)
	}
	if found, err := w.run("bash", "-c", "command -v gwe"); err != nil || !strings.HasPrefix(found, w.directory) {
		t.Fatalf("gwe is not that of the package: %v, %s", err, found)
	}
	w.write("recipes/right.yaml", right)
	w.write("recipes/right.test.yaml", "gwe-test: 1\nfixture: { /opt/app/current: { link: /opt/app/1 } }\ncases:\n  - name: it reads\n    expect: { exit: 0 }\n")
	for _, name := range []string{"Validate", "Test"} {
		if output, err := w.step(name); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, output)
		}
	}
	if report, err := os.ReadFile(filepath.Join(w.directory, "gwe-tests.xml")); err != nil || !strings.Contains(string(report), `tests="1"`) {
		t.Errorf("%v\n%s", err, report)
	}

	w.write("recipes/right.test.yaml", "gwe-test: 1\ncases:\n  - name: nothing is there to read\n    expect: { exit: 0 }\n")
	if output, err := w.step("Test"); err == nil || !strings.Contains(output, "nothing is there to read") {
		t.Errorf("%v\n%s", err, output)
	}
	w.write("recipes/wrong.yaml", wrong)
	if output, err := w.step("Validate"); err == nil || !strings.Contains(output, "::error file=recipes/wrong.yaml,line=4,col=5") {
		t.Errorf("%v\n%s", err, output)
	}
}

// TestWorkflowInstallsNothingElse: without an address, without a file there, and with another digest, the job
// fails and says why.
func TestWorkflowInstallsNothingElse(t *testing.T) {
	w := newWorkflow(t)
	address, _, _ := strings.Cut(w.address, "#")
	for _, one := range []struct {
		address, said string
		installed     bool
	}{
		{"", "::error::set the variable GWE_PACKAGE_URL", false},
		{address + ".old", "404", false},
		{address + "#sha256=" + strings.Repeat("0", 64), "FAILED", false},
		{address, "::warning::", true},
	} {
		w.address = one.address
		output, err := w.step("Install gwe")
		if (err == nil) != one.installed || !strings.Contains(output, one.said) {
			t.Errorf("%q: %v\n%s", one.address, err, output)
		}
	}
}

// workflow is a runner with the jobs of the workflow.
type workflow struct {
	*shop
	steps   map[string]string
	address string
}

func newWorkflow(t *testing.T) *workflow {
	var read struct {
		Jobs map[string]struct {
			Env   map[string]string
			Steps []struct{ Name, Run string }
		}
	}
	if err := yaml.Unmarshal(ci.Workflow, &read); err != nil {
		t.Fatal(err)
	}
	job := read.Jobs["recipes"]
	if job.Env["GWE_PACKAGE_URL"] != "${{ vars.GWE_PACKAGE_URL }}" || len(job.Env) != 1 {
		t.Fatalf("the package's address is not one variable: %v", job.Env)
	}
	w := &workflow{shop: newShop(t), steps: map[string]string{}}
	for _, step := range job.Steps {
		w.steps[step.Name] = step.Run
	}
	file := packageOfGwe(t)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(file))))
	t.Cleanup(server.Close)
	w.address = fmt.Sprintf("%s/%s#sha256=%x", server.URL, filepath.Base(file), sha256.Sum256(content))
	// Who runs the tests is root already, or stays who he is.
	w.write("programs/sudo", "#!/bin/sh\nexec \"$@\"\n")
	w.path = filepath.Join(w.directory, "programs") + ":" + os.Getenv("PATH")
	w.write("temp/path", "")
	return w
}

// step carries out a step, with what earlier ones have put into PATH.
func (w *workflow) step(name string) (string, error) {
	w.t.Helper()
	if w.steps[name] == "" {
		w.t.Fatalf("the workflow has no step %q", name)
	}
	temp := filepath.Join(w.directory, "temp")
	output, err := w.run("env", "GWE_PACKAGE_URL="+w.address, "RUNNER_TEMP="+temp, "GITHUB_PATH="+temp+"/path", "no_proxy=127.0.0.1",
		"bash", "-e", "-o", "pipefail", "-c", w.steps[name])
	added, failure := os.ReadFile(temp + "/path")
	if failure != nil {
		w.t.Fatal(failure)
	}
	for line := range strings.Lines(string(added)) {
		w.path = strings.TrimSpace(line) + ":" + w.path
	}
	return output, err
}

// packageOfGwe is a package with a gwe in it.
func packageOfGwe(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"curl", "dpkg-deb"} {
		if _, err := exec.LookPath(program); err != nil {
			need.Missing(t, need.Program, program+" is not in PATH")
		}
	}
	if made := os.Getenv("GWE_TEST_PACKAGE"); made != "" {
		return made
	}
	s := newShop(t)
	s.write("gwe/DEBIAN/control", "Package: gwe\nVersion: 1.0.0\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: gwe\n")
	s.must("mkdir", "-p", "gwe/usr/bin")
	s.must("cp", filepath.Join(goPath, "bin", "gwe"), "gwe/usr/bin/gwe")
	s.must("dpkg-deb", "-Znone", "--root-owner-group", "--build", "gwe", "gwe_1.0.0_amd64.deb")
	return filepath.Join(s.directory, "gwe_1.0.0_amd64.deb")
}
