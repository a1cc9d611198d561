package command

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/need"
)

// TestManPages: each command has a page with all that its help teaches, and mandoc finds nothing wrong with
// any.
func TestManPages(t *testing.T) {
	pages := ManPages("1.2.3", time.Unix(0, 0))
	byName := map[string]string{}
	for _, one := range pages {
		byName[one.Name] = one.Text
	}
	for _, one := range commands() {
		page := byName[manName(one.name)+".1"]
		if (page == "") != one.hidden {
			t.Errorf("gwe %s: a page of %d bytes", one.name, len(page))
		}
		if page != "" && !strings.Contains(byName["gwe.1"], escaped(manName(one.name))) {
			t.Errorf("gwe.1 does not name %s", one.name)
		}
	}
	if _, err := exec.LookPath("mandoc"); err != nil {
		need.Missing(t, need.Program, "mandoc is not in PATH")
	}
	for _, one := range pages {
		command := exec.Command("mandoc", "-T", "lint", "-W", "warning")
		command.Stdin = strings.NewReader(one.Text)
		if output, err := command.CombinedOutput(); err != nil || len(output) > 0 {
			t.Errorf("%s: %v\n%s", one.Name, err, output)
		}
		command = exec.Command("mandoc", "-T", "ascii", "-O", "width=1000")
		command.Stdin = strings.NewReader(one.Text)
		output, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		plain := regexp.MustCompile(".\b").ReplaceAllString(string(output), "") // bold and underlined letters are typed twice
		for _, of := range commands() {
			if manName(of.name)+".1" != one.Name {
				continue
			}
			for line := range strings.Lines(of.help) {
				if line = strings.TrimSpace(line); line != "" && line != "example:" && !strings.Contains(words(plain), words(strings.ReplaceAll(line, "`", ""))) {
					t.Errorf("%s does not show %q", one.Name, line)
				}
			}
		}
	}
}

func words(text string) string { return strings.Join(strings.Fields(text), " ") }
