package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	unnamed = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// TestLinks: every link of a page to a file of the project leads to one, and to a heading that it has.
func TestLinks(t *testing.T) {
	links := 0
	for _, pattern := range []string{"../*.md", "*.md", "steps/*.md", "decisions/*.md", "model/*.md", "../examples/*/*.md"} {
		pages, err := filepath.Glob(pattern)
		if err != nil || len(pages) == 0 {
			t.Fatalf("%s: no pages, %v", pattern, err)
		}
		for _, page := range pages {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range link.FindAllStringSubmatch(code.ReplaceAllStringFunc(string(text), blank), -1) {
				if strings.Contains(found[1], "://") {
					continue
				}
				links++
				target, anchor, _ := strings.Cut(found[1], "#")
				path := page
				if target != "" {
					path = filepath.Join(filepath.Dir(page), target)
				}
				if _, err := os.Stat(path); err != nil {
					t.Errorf("%s links to %s: %v", page, found[1], err)
				} else if anchor != "" && !headings(t, path)[anchor] {
					t.Errorf("%s links to %s, which has no such heading", page, found[1])
				}
			}
		}
	}
	if links < 200 {
		t.Errorf("only %d links were found", links)
	}
}

// headings are the anchors of a page, as GitHub names them.
func headings(t *testing.T, page string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, found := range heading.FindAllStringSubmatch(string(text), -1) {
		name := unnamed.ReplaceAllString(strings.ToLower(found[1]), "")
		names[strings.ReplaceAll(strings.TrimSpace(name), " ", "-")] = true
	}
	return names
}
