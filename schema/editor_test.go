//go:build editor

package schema_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// editorLine is the first line of a recipe, which tells the language server of its schema.
func editorLine(t *testing.T) string {
	t.Helper()
	file, err := filepath.Abs("recipe.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return "# yaml-language-server: $schema=" + file + "\n"
}

// TestEditorCompletes: an editor offers step types, arguments and accepted values while a recipe is being
// written.
func TestEditorCompletes(t *testing.T) {
	server := startLanguageServer(t)
	for _, row := range []struct {
		behind string // the end of what was written; all of it stands below
		offers []string
		not    []string
	}{
		{"gwe: 1\nname: a\n", []string{"inputs", "steps", "failsafe", "lock"}, []string{"gwe", "when"}},
		{"gwe: 1\nname: a\nsteps:\n  - ", []string{"swap-link", "unpack", "when", "undo", "parallel", "commit", "for-each"}, []string{"inputs"}},
		{"gwe: 1\nname: a\nsteps:\n  - sw", []string{"swap-link"}, nil},
		{"gwe: 1\nname: a\nsteps:\n  - read-link:\n      ", []string{"path", "missing"}, []string{"link", "when"}},
		{"gwe: 1\nname: a\nsteps:\n  - read-link:\n      missing: ", []string{"ok", "error"}, nil},
		{"gwe: 1\nname: a\nsteps:\n  - supervisor:\n      action: ", []string{"start", "stop", "restart"}, nil},
		{"gwe: 1\nname: a\nsteps:\n  - run: { argv: [a] }\n    undo:\n      - ", []string{"run", "when"}, []string{"commit", "undo", "parallel"}},
		{"gwe: 1\nname: a\nsteps:\n  - parallel:\n      - ", []string{"run", "undo"}, []string{"commit", "stop"}},
		{"gwe: 1\nname: a\nsteps:\n  - run: { argv: [a] }\n    undo: ", []string{"none"}, nil},
		{"gwe: 1\nname: a\nsteps:\n  - run: { argv: [a] }\n    timeout: ", []string{"30s"}, nil},
		{"gwe: 1\nname: a\nsteps:\n  - run: { argv: [a] }\n    retry:\n      ", []string{"attempts", "max-delay"}, []string{"argv"}},
		{"gwe: 1\nname: a\ninputs:\n  keep:\n    type: ", []string{"int", "duration", "secret"}, nil},
	} {
		name := strings.NewReplacer("\n", "|", " ", "_").Replace(row.behind)
		opened := server.open(filepath.Join(t.TempDir(), name+".yaml"), editorLine(t)+row.behind)
		offered := opened.completions(row.behind)
		for _, wanted := range row.offers {
			if _, there := offered[wanted]; !there {
				t.Errorf("behind %q: %s is not offered", row.behind, wanted)
			}
		}
		for _, refused := range row.not {
			if _, there := offered[refused]; there {
				t.Errorf("behind %q: %s is offered", row.behind, refused)
			}
		}
		if docs, there := offered["swap-link"]; there && !strings.Contains(docs, "Point a symbolic link at another release") {
			t.Errorf("swap-link is offered without its docs: %s", docs)
		}
	}
}

// TestEditorShowsDocs: an editor tells what a step type, an argument or a key is.
func TestEditorShowsDocs(t *testing.T) {
	server := startLanguageServer(t)
	opened := server.open(filepath.Join(t.TempDir(), "docs.yaml"), editorLine(t)+`gwe: 1
name: docs
inputs:
  keep: { type: int, default: 2 }
steps:
  - swap-link: { link: /opt/a/current, to: /opt/a/b }
    timeout: 5m
  - wait-for:
      file: /run/a.pid
      state: absent
  - commit: there
`)
	if findings := opened.findings(); len(findings) > 0 {
		t.Errorf("%+v", findings)
	}
	for over, wanted := range map[string][]string{
		"swap-link": {"Point a symbolic link at another release", "**Undo:** points the link back", "```yaml\n- swap-link:"},
		"link: /":   {}, // the value
		"{ link":    {"`path`, required"},
		"wait-for":  {"```yaml\n"},
		"state":     {"Allowed Values:", "`absent`", "default `present`"},
		"timeout":   {"The time for each attempt.", "1h30m"},
		"commit":    {"The point of no return"},
		"inputs":    {"inputs.NAME"},
		"type":      {"`duration`"},
	} {
		shown := opened.hover(over)
		for _, text := range wanted {
			if !strings.Contains(shown, text) {
				t.Errorf("over %s: %q is not in:\n%s", over, text, shown)
			}
		}
	}
}

// TestEditorDiagnoses: an editor is silent about right recipes, and marks the wrong ones.
func TestEditorDiagnoses(t *testing.T) {
	right, wrong := rightRecipes(t), map[string][]byte{}
	reads := reader(t, catalog())
	for name, content := range wrongRecipes(t) {
		if document, ok := decoded(content); ok && document != nil && reads.Validate(document) != nil {
			wrong[name] = content
		}
	}
	if len(wrong) < 220 {
		t.Errorf("only %d wrong recipes", len(wrong))
	}
	const misspelt = "/misspelt.yaml"
	wrong[misspelt] = []byte("gwe: 1\nname: a\nsteps:\n  - raed-link: /opt/a\n")

	server, documents := startLanguageServer(t), map[string]document{}
	for _, recipes := range []map[string][]byte{right, wrong} {
		for name, content := range recipes {
			documents[name] = server.open(name, editorLine(t)+string(content))
		}
	}
	for name := range right {
		if findings := documents[name].findings(); len(findings) > 0 {
			t.Errorf("%s is right: %+v", name, findings)
		}
	}
	for name := range wrong {
		if len(documents[name].findings()) == 0 {
			t.Errorf("%s is wrong, and not marked", name)
		}
	}
	if findings := documents[misspelt].findings(); !slices.ContainsFunc(findings, func(one finding) bool {
		return one.Range.Start.Line == 4 && strings.Contains(one.Message, "raed-link is not allowed")
	}) {
		t.Errorf("raed-link: %+v", findings)
	}
}
