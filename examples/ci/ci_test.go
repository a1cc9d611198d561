package ci_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

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
	folder, err := os.MkdirTemp("", "gwe-ci")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	goPath = folder
	build := exec.Command("go", "build", "-o", filepath.Join(folder, "bin", "gwe"), "../../cmd/gwe")
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, output)
		return 1
	}
	return m.Run()
}

// shop is a vendor's folder, with git and gwe in PATH.
type shop struct {
	t      *testing.T
	folder string
	path   string
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
	command.Dir = s.folder
	command.Env = []string{ // none of the developer's own configuration
		"PATH=" + s.path, "HOME=" + s.folder, "GOPATH=" + goPath, "GIT_CONFIG_NOSYSTEM=1",
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
	file := filepath.Join(s.folder, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

// TestGitHook: with the hook in place, git refuses a commit with a wrong recipe, names the line, and takes the right one. What
// is in the work tree alone does not count.
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

// TestPreCommitHook: the entry of .pre-commit-hooks.yaml does what pre-commit expects of one: files behind it, 0 or not.
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

// TestWorkflow runs the steps Validate and Test of the workflow as the runner would, with a right recipe and with a wrong one.
func TestWorkflow(t *testing.T) {
	var workflow struct {
		Jobs map[string]struct{ Steps []struct{ Name, Run string } }
	}
	if err := yaml.Unmarshal(ci.Workflow, &workflow); err != nil {
		t.Fatal(err)
	}
	steps := map[string]string{}
	for _, step := range workflow.Jobs["recipes"].Steps {
		steps[step.Name] = step.Run
	}
	s := newShop(t)
	// Who runs the tests is root already, or stays who he is.
	s.write("programs/sudo", "#!/bin/sh\nexec \"$@\"\n")
	s.path = filepath.Join(s.folder, "programs") + ":" + s.path
	runs := func(name string) (string, error) { return s.run("bash", "-e", "-o", "pipefail", "-c", steps[name]) }

	s.write("recipes/right.yaml", right)
	s.write("recipes/right.test.yaml", "gwe-test: 1\nfixture: { /opt/app/current: { link: /opt/app/1 } }\ncases:\n  - name: it reads\n    expect: { exit: 0 }\n")
	for _, name := range []string{"Validate", "Test"} {
		if output, err := runs(name); err != nil || steps[name] == "" {
			t.Fatalf("%s: %v\n%s", name, err, output)
		}
	}
	if report, err := os.ReadFile(filepath.Join(s.folder, "gwe-tests.xml")); err != nil || !strings.Contains(string(report), `tests="1"`) {
		t.Errorf("%v\n%s", err, report)
	}

	s.write("recipes/right.test.yaml", "gwe-test: 1\ncases:\n  - name: nothing is there to read\n    expect: { exit: 0 }\n")
	if output, err := runs("Test"); err == nil || !strings.Contains(output, "nothing is there to read") {
		t.Errorf("%v\n%s", err, output)
	}
	s.write("recipes/wrong.yaml", wrong)
	if output, err := runs("Validate"); err == nil || !strings.Contains(output, "::error file=recipes/wrong.yaml,line=4,col=5") {
		t.Errorf("%v\n%s", err, output)
	}
}
