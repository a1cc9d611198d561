package ci_test

import (
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

// shop is a folder with git, gwe and the examples in PATH.
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
	programs := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(programs, "gwe"), "../../cmd/gwe")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return &shop{t, t.TempDir(), programs + ":" + os.Getenv("PATH")}
}

func (s *shop) run(name string, arguments ...string) (string, error) {
	command := exec.Command("/usr/bin/env", append([]string{name}, arguments...)...) // it looks into the PATH below
	command.Dir = s.folder
	command.Env = []string{ // none of the developer's own configuration
		"PATH=" + s.path, "HOME=" + s.folder, "GIT_CONFIG_NOSYSTEM=1",
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

// TestWorkflow runs the step Validate of the workflow as the runner would.
func TestWorkflow(t *testing.T) {
	var workflow struct {
		Jobs map[string]struct{ Steps []struct{ Name, Run string } }
	}
	if err := yaml.Unmarshal(ci.Workflow, &workflow); err != nil {
		t.Fatal(err)
	}
	s := newShop(t)
	s.write("recipes/right.yaml", right)
	for _, step := range workflow.Jobs["recipes"].Steps {
		if step.Name != "Validate" {
			continue
		}
		s.must("bash", "-e", "-o", "pipefail", "-c", step.Run)
		s.write("recipes/wrong.yaml", wrong)
		output, err := s.run("bash", "-e", "-o", "pipefail", "-c", step.Run)
		if err == nil || !strings.Contains(output, "::error file=recipes/wrong.yaml,line=4,col=5") {
			t.Errorf("%v\n%s", err, output)
		}
		return
	}
	t.Error("the workflow has no step Validate")
}
