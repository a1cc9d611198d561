package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/errorcodes"
)

// avoided are words of the glossary's second table, with what is said instead.
var avoided = []struct {
	words *regexp.Regexp
	say   string
}{
	{regexp.MustCompile(`(?i)\bcrumbs?\b`), "leftover"},
	{regexp.MustCompile(`(?i)\b(give|gives|giving|gave|given)\s+((it|that|this|them)\s+)?up\b`), "release, discard, or stop trying"},
	{regexp.MustCompile(`(?i)\b(put|puts|putting)\s+(it\s+)?off\b`), "deferred"},
	{regexp.MustCompile(`(?i)\b(system|gwe)\s+of\s+before\b`), "the previous system, the previous gwe"},
	{regexp.MustCompile(`(?i)\b(take|takes|taken|taking|took)\s+(it\s+)?back\b`), "undo"},
	{regexp.MustCompile(`(?i)\b(lead|leads|led|leading)\s+back\b`), "roll back"},
	{regexp.MustCompile(`(?i)\bways?\s+back\b`), "rollback"},
	{regexp.MustCompile(`(?i)\bbehind\s+the\s+commit\b`), "after the commit"},
	{regexp.MustCompile(`(?i)\bwant\s+of\s+memory\b`), "the OOM killer"},
	{regexp.MustCompile(`(?i)\bfolders?\b`), "directory"},
	{regexp.MustCompile(`(?i)\bputs?\s+(everything\s+|all\s+)?back\b`), "roll back a run, undo a step, restore a file"},
	{regexp.MustCompile(`(?i)\bneeds?\s+a\s+person\b`), "manual intervention required"},
	{regexp.MustCompile(`(?i)\b(goes|went|gone)\s+on\b`), "continues, is in progress"},
}

// code is what a page quotes: blocks and spans.
var code = regexp.MustCompile("(?ms)^```.*?^```$|`[^`\n]*`")

// TestWords: README, the pages of docs and the texts of the commands say none of the words that the glossary
// rules out.
func TestWords(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	if err != nil || len(pages) < 20 {
		t.Fatal(len(pages), err)
	}
	decisions, err := filepath.Glob("decisions/*.md")
	if err != nil || len(decisions) < 10 {
		t.Fatal(len(decisions), err)
	}
	for _, page := range append(append(pages, decisions...), "../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		prose := string(text)
		if page == "glossary.md" { // its second table lists them
			prose, _, _ = strings.Cut(prose, "## Words to avoid")
		}
		said(t, page, code.ReplaceAllStringFunc(prose, blank))
	}
	texts := 0
	sources, err := filepath.Glob("../cmd/gwe/command/*.go")
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(files, source, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				texts++
				said(t, files.Position(literal.Pos()).String(), strings.ReplaceAll(literal.Value, "{ folder: true }", ""))
			}
			return true
		})
	}
	if texts < 500 {
		t.Errorf("only %d texts of the commands were read", texts)
	}
}

// TestWordsOfErrors: the messages and hints of errors say none of them either.
func TestWordsOfErrors(t *testing.T) {
	for _, one := range errorcodes.All() {
		for _, each := range one.Cases {
			said(t, one.Code, code.ReplaceAllStringFunc(each.Message+"\n"+each.Hint, blank))
		}
	}
}

// TestAvoidedWordsAreListed: the glossary has what the test looks for.
func TestAvoidedWordsAreListed(t *testing.T) {
	text, err := os.ReadFile("glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## Words to avoid")
	for _, one := range avoided {
		if !one.words.MatchString(table) {
			t.Errorf("the table of words to avoid has nothing that %s matches", one.words)
		}
	}
}

// blank keeps the lines of a text, and nothing else of it.
func blank(text string) string { return strings.Repeat("\n", strings.Count(text, "\n")) }

func said(t *testing.T, where, text string) {
	t.Helper()
	for _, one := range avoided {
		for _, at := range one.words.FindAllStringIndex(text, -1) {
			t.Errorf("%s, line %d of it: %q; say: %s", where, 1+strings.Count(text[:at[0]], "\n"), text[at[0]:at[1]], one.say)
		}
	}
}
