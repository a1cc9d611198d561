package schema_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/schema"
)

// TestSchemaOfSuites holds the schema of files of tests against the parser: what one takes the other takes,
// and what the schema refuses the parser refuses too.
func TestSchemaOfSuites(t *testing.T) {
	generated, err := schema.SuiteSchema()
	if err != nil {
		t.Fatal(err)
	}
	reader := compiled(t, generated)
	var files []string
	for _, pattern := range []string{"../recipes/*.test.yaml", "../examples/*/*.test.yaml"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	sources := []string{`
gwe-test: 1
recipe: x.yaml
inputs: { a: 1, b: [x] }
fixture: { /a: "", /b: { content: x, mode: "0644" }, /c: { link: a }, /d: { hard-link: /a }, /e: { folder: true }, /m: { mount: true, mode: "0750" }, /f: { absent: true }, /g: { package: { x: "1", y/z: { folder: true } }, signed-by: v }, /k: { keyring: [v] }, /b.sig: { signature: /b }, /b.asc: { signature: /b, signed-by: v } }
stand-ins: { systemctl: { prints: [x], exit: 3 }, /usr/bin/x: {} }
setup: "true"
ignore: /var
then: [reboot, reboot: cp a b, late, confirm, rollback, rollback: cp a b]
cases:
  - { name: a, then: confirm, expect: { exit: 0, tree: { /a: { absent: true } }, exact: true, log: x, outputs: { a: 1 }, calls: { systemctl: [a, b] } } }
  - { name: b, fail-at: every }
  - { name: c, kill-at: x, expect: { tree: as before } }
`}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, string(source))
	}
	if len(sources) < 8 {
		t.Fatalf("only %d files", len(sources))
	}
	for i, source := range sources {
		document, ok := decoded([]byte(source))
		if _, found := schema.ParseSuite("x.test.yaml", []byte(source)); found.HasErrors() || !ok {
			t.Fatalf("file %d: %v", i, found)
		}
		if err := reader.Validate(document); err != nil {
			t.Errorf("file %d is refused: %v", i, err)
		}
	}
	const head, foot = "gwe-test: 1\n", "\ncases: [{name: a}]\n"
	for _, bad := range []string{
		"cases: [{name: a}]", "gwe-test: 2" + foot, "gwe-test: 1", "gwe-test: 1\ncases: []", head + "cases: [{}]", head + "tests: 1" + foot,
		head + "fixture: {a: x}" + foot, head + "fixture: {/a: {folder: false}}" + foot, head + "fixture: {/a: {mode: 0644}}" + foot,
		head + "fixture: {/a: {package: {/x: y}}}" + foot, head + "fixture: {/a: 1}" + foot, head + "fixture: {/a: {signature: b}}" + foot, head + "then: [wait]" + foot, head + "then: [late: x]" + foot,
		head + "stand-ins: {x: {exit: 256}}" + foot, head + "stand-ins: {x: {says: a}}" + foot, head + "ignore: [var]" + foot, head + "setup: [x]" + foot,
		head + "cases: [{name: a, fail-at: x, kill-at: x}]", head + "cases: [{name: a, expect: {exit: -1}}]", head + "cases: [{name: a, expect: {tree: before}}]",
		head + "cases: [{name: a, expect: {tree: {/a: {keyring: [x]}}}}]", head + "cases: [{name: a, expect: {result: 1}}]", head + "cases: [{name: a, expect: {log: [1]}}]",
	} {
		document, ok := decoded([]byte(bad))
		if !ok {
			t.Fatalf("no YAML: %s", bad)
		}
		if reader.Validate(document) == nil {
			t.Errorf("the schema takes\n%s", bad)
		}
		if _, found := schema.ParseSuite("x.test.yaml", []byte(bad)); !found.HasErrors() {
			t.Errorf("the parser takes\n%s", bad)
		}
	}
	if !slices.ContainsFunc(strings.Split(string(generated), "\n"), func(line string) bool { return strings.Contains(line, "while the run is suspended") }) {
		t.Error("the schema has no help for editors")
	}
}
