package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPages does all that a page of docs tells its reader to do, in order, in an empty directory. A block of
// YAML whose first line is "# NAME" is that file; in a block of console lines what follows "$ " is typed, and
// what stands below is what comes, with ... for any lines and any number of seconds. UPDATE_SCRIPTS=1 writes
// what came into the page.
func TestPages(t *testing.T) {
	for page, least := range map[string]struct{ commands, files int }{
		"writing-recipes.md": {12, 8}, "testing-recipes.md": {3, 6},
	} {
		t.Run(page, func(t *testing.T) {
			commands, files := follow(t, filepath.Join("..", "..", "docs", page))
			if commands < least.commands || files < least.files {
				t.Errorf("only %d commands and %d files were tried", commands, files)
			}
		})
	}
}

// follow does what a page says, and counts.
func follow(t *testing.T, page string) (commands, files int) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	walked := block.ReplaceAllFunc(text, func(whole []byte) []byte {
		parts := block.FindSubmatch(whole)
		language, content := string(parts[1]), string(parts[2])
		switch language {
		case "yaml":
			first, _, _ := strings.Cut(content, "\n")
			name, found := strings.CutPrefix(first, "# ")
			if !found || strings.Contains(name, " ") {
				t.Errorf("a block of YAML does not begin with the name of its file: %q", first)
				return whole
			}
			files++
			path := filepath.Join(directory, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
				t.Fatal(err)
			}
			return whole
		case "console":
			done, count := console(t, directory, content)
			commands += count
			return []byte("```console\n" + done + "```\n")
		}
		t.Errorf("a block is of no kind that a test can try: %q", language)
		return whole
	})
	if os.Getenv("UPDATE_SCRIPTS") != "" && !bytes.Equal(walked, text) {
		if err := os.WriteFile(page, walked, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return commands, files
}

var (
	block   = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```\n")
	seconds = regexp.MustCompile(`\d+\.\d s\b`)
	times   = regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`)
)

// console carries out the commands of a block, and gives the block as it should be.
func console(t *testing.T, directory, content string) (done string, commands int) {
	t.Helper()
	for part := range strings.SplitSeq(strings.TrimPrefix(content, "$ "), "\n$ ") {
		typed, want, _ := strings.Cut(part, "\n")
		commands++
		command := exec.Command("/bin/sh", "-c", typed)
		command.Dir = directory
		command.Env = append(os.Environ(), "GWE_STATE_DIR="+filepath.Join(directory, ".state"), "HOME="+directory, "NO_COLOR=1", "GORACE=atexit_sleep_ms=0")
		output, err := command.CombinedOutput()
		var ended *exec.ExitError
		if err != nil && !errors.As(err, &ended) {
			t.Fatal(err)
		}
		got := strings.ReplaceAll(string(output), directory+"/", "")
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		if !alike(want, got) {
			if os.Getenv("UPDATE_SCRIPTS") == "" {
				t.Errorf("$ %s\ngot:\n%s\nwant:\n%s", typed, got, want)
			}
			want = got
		}
		done += "$ " + typed + "\n" + want
	}
	return done, commands
}

// alike reports whether an output is as the page says: ... stands for any lines.
func alike(want, got string) bool {
	pattern := regexp.QuoteMeta(plain(want))
	pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta("...\n"), `(.*\n)*`)
	return regexp.MustCompile(fmt.Sprintf(`^%s$`, pattern)).MatchString(plain(got))
}

// plain leaves times out.
func plain(text string) string {
	return times.ReplaceAllString(seconds.ReplaceAllString(text, "N s"), "T")
}
