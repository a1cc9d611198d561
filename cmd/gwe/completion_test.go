package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/need"
)

const noteRecipe = `gwe: 1
name: note
inputs:
  text: { type: string, required: true, help: what "it" says }
  how: { type: string, enum: ["a b", c], default: c }
  key: { type: secret, default: "" }
  from: { type: path, default: . }
steps:
  - assert: { that: '${{ inputs.how != "" }}' }
`

// shellDirectory is a directory with recipes, a state directory with a run, and a file for each shell to
// find.
func shellDirectory(t *testing.T) (directory, run string) {
	t.Helper()
	directory = t.TempDir()
	for name, content := range map[string]string{
		"note.yaml": noteRecipe, "other.yaml": "services: {}\n", "note.test.yaml": "gwe-test: 1\n", "file.txt": "", "x$(touch hit).yaml": noteRecipe,
	} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if output, err := inShell(t, directory, "gwe", "run", "note.yaml", "-i", "text=x"); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	runs, err := filepath.Glob(filepath.Join(directory, "state", "runs", "*"))
	if err != nil || len(runs) != 1 {
		t.Fatalf("%v: %v", err, runs)
	}
	return directory, filepath.Base(runs[0])
}

// inShell starts a program with gwe in PATH and an environment of its own.
func inShell(t *testing.T, directory, name string, arguments ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		need.Missing(t, need.Program, name+" is not in PATH")
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	command := exec.CommandContext(ctx, name, arguments...)
	command.Dir = directory
	command.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + directory, "ZDOTDIR=" + directory, "TERM=dumb", "LC_ALL=C.UTF-8", "GORACE=atexit_sleep_ms=0",
		"GWE_STATE_DIR=" + filepath.Join(directory, "state"),
	}
	output, err := command.CombinedOutput()
	return string(output), err
}

// completions are what each shell must make of a line: the word that it completes, or what it offers.
func completions(run string) []struct{ line, want string } {
	return []struct{ line, want string }{
		{"gwe valid", "validate"}, {"gwe keys imp", "import"}, {"gwe steps desc", "describe"}, {"gwe steps disk", "disk-space"},
		{"gwe run ota-dj", "ota-django"}, {"gwe run not", "note.yaml"}, {"gwe test not", "note.test.yaml"}, {"gwe run ./not", "./note.yaml"},
		{"gwe run ota -i cl", "clock="}, {"gwe run ota -i clock=untr", "clock=untrusted"}, {"gwe run note.yaml -i text=1 -i h", "how="},
		{"gwe run note.yaml -i from=file", "from=file.txt"}, {"gwe run note.yaml -i key=@file", "key=@file.txt"}, {"gwe run ota --inputs file", "file.txt"},
		{"gwe run ota --dry", "--dry-run"}, {"gwe --output js", "json"}, {"gwe run --output=pl", "--output=plain"},
		{"gwe show " + run[:4], run}, {"gwe explain package-unsi", "package-unsigned"}, {"gwe completion fi", "fish"},
	}
}

func TestCompletionInBash(t *testing.T) {
	directory, run := shellDirectory(t)
	const script = `
source <(gwe completion bash)
compopt() { :; }
for COMP_LINE; do
	# readline splits at "=", ":" and "@" too
	mapfile -t COMP_WORDS < <(sed -E 's/([=:@]+)/\n\1\n/g; s/ +/\n/g' <<<"$COMP_LINE")
	COMP_POINT=${#COMP_LINE} COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	_gwe
	echo "${COMPREPLY[*]}"
done`
	var lines []string
	for _, one := range completions(run) {
		lines = append(lines, one.line)
	}
	output, err := inShell(t, directory, "bash", append([]string{"-c", script, "bash"}, append(lines, "gwe run x", "gwe run note.yaml -i how=a")...)...)
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	got := strings.Split(output, "\n")
	for i, one := range completions(run) {
		want := one.want[strings.LastIndexAny(one.line[strings.LastIndex(one.line, " ")+1:], "=:@")+1:] // readline keeps what stands before
		if got[i] != want {
			t.Errorf("%q was completed by %q, want %q", one.line, got[i], want)
		}
	}
	if got := got[len(lines)]; got != `x\$\(touch\ hit\).yaml` {
		t.Errorf("the shell would run a part of a file's name: %q", got)
	}
	if got := got[len(lines)+1]; got != `a\ b` {
		t.Errorf("a value with a blank is %q", got)
	}
}

func TestCompletionInZsh(t *testing.T) {
	directory, run := shellDirectory(t)
	rc := "PS1='ready> '; autoload -Uz compinit; compinit -u -D; source <(gwe completion zsh); setopt no_beep\n"
	if err := os.WriteFile(filepath.Join(directory, ".zshrc"), []byte(rc), 0o600); err != nil {
		t.Fatal(err)
	}
	// Each line is typed, with a Tab after it, until the terminal shows the completed one.
	const script = `
zmodload zsh/zpty
zpty shell zsh -i
while (($#)); do
	zpty -r shell shown '*ready> *'
	zpty -w -n shell "$1"$'\t'
	print -r -- "$1"
	zpty -r shell shown "*${(b)2}*"
	zpty -w -n shell $'\C-u\n'
	shift 2
done
print all
exit`
	var lines []string
	for _, one := range append(completions(run), struct{ line, want string }{"gwe run x", `x\$\(touch\ hit\).yaml`}) {
		head := one.line[:strings.LastIndex(one.line, " ")+1]
		lines = append(lines, one.line, head+one.want)
	}
	output, err := inShell(t, directory, "zsh", append([]string{"-f", "-c", script, "zsh"}, lines...)...)
	if err != nil || !strings.HasSuffix(output, "all\n") {
		t.Errorf("%v: the last of these was not completed:\n%s", err, output)
	}
}

func TestCompletionInFish(t *testing.T) {
	directory, run := shellDirectory(t)
	const script = `
source (gwe completion fish | psub)
for line in $argv
	echo -s (string join , -- (complete -C $line | string replace -r '\t.*' ''))
end`
	var lines []string
	for _, one := range completions(run) {
		lines = append(lines, one.line)
	}
	output, err := inShell(t, directory, "fish", append([]string{"-c", script}, lines...)...)
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	got := strings.Split(output, "\n")
	for i, one := range completions(run) {
		if i >= len(got) || got[i] != one.want {
			t.Errorf("%q was completed by %q, want %q", one.line, got[min(i, len(got)-1)], one.want)
		}
	}
}
