package schema_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/schema"
)

// TestScanFindsTheMistakeAlone puts one syntax error at the end of recipes that are well: the scan for what
// went wrong takes nothing above it for a mistake.
func TestScanFindsTheMistakeAlone(t *testing.T) {
	sources := map[string][]byte{
		"blocks in lists": []byte("gwe: 1\nargv:\n- |\n  one: two: three\n  - four\n-\n  >-\n  \"five\" six\n- - |\n    \"a\" b\n  - x\n"),
		"quotes":          []byte("a: \"one\n  two: three\" # end\nb: 'it''s\n\n  so'\n\"c: d\": 'e: f'\ng: {\"h\": 'i', j: [k, 'l]', \"m}\"]} # n\n"),
		"lists":           []byte("a:\n- b\n-   c: d\n    e: f\n- - g\n  - h\ni:\n  - j: k\n\n    # a comment\n    l: m\n"),
		"texts":           []byte("a: one\n  two\n   three\nb: http://x:80/#y\nc: a#b\nd: &e f\ng: *e\nh: -1\ni: ?x\n"),
	}
	for _, file := range recipes(t, "valid") {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(content, []byte("{")) {
			sources[filepath.Base(file)] = content
		}
	}
	for name, content := range sources {
		if _, diagnostics := schema.Parse("sound.yaml", content, catalog()); len(diagnostics) > 0 && diagnostics[0].Rule == "syntax" {
			t.Fatalf("%s is not YAML: %v", name, diagnostics)
		}
		line := bytes.Count(content, []byte("\n")) + 1
		_, diagnostics := schema.Parse("broken.yaml", append(content[:len(content):len(content)], "last: @x\n"...), catalog())
		if len(diagnostics) != 1 || diagnostics[0].Span != span(line, 7, 1) || diagnostics[0].Rule != "syntax" {
			t.Errorf("%s, line %d: %+v", name, line, diagnostics)
		}
	}
}
