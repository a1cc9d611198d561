package plugin_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/step"
)

var update = flag.Bool("update", false, "write the conversation of docs/plugins.md")

const (
	documentation = "../../docs/plugins.md"
	opening       = "```conversation\n"
)

// TestDocumentedConversation: the conversation of docs/plugins.md is what gwe and the plugin of the example
// really say.
func TestDocumentedConversation(t *testing.T) {
	example, err := filepath.Abs("../../examples/plugin-python/gwe-step-ini-key")
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	heard, path, file := filepath.Join(directory, "heard"), filepath.Join(directory, "gwe-step-ini-key"), filepath.Join(directory, "app.ini")
	recorder := "#!/bin/sh\nread -r request\nprintf '> %s\\n' \"$request\" >>" + heard +
		"\nprintf '%s\\n' \"$request\" | /usr/bin/python3 " + example + " | tee -a " + heard + ".answer\nsed 's/^/< /' " + heard + ".answer >>" + heard +
		"\nrm " + heard + ".answer\n"
	for name, text := range map[string]string{path: recorder, file: "[server]\nport = 80\n"} {
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	opened := describe(t, path)
	arguments := map[string]any{"file": file, "section": "server", "key": "port", "value": "8080"}
	run := running(t, &recorded{})
	run.Step = "port"
	if _, err := opened.Plan(t.Context(), step.Local{}, arguments); err != nil {
		t.Fatal(err)
	}
	memo, err := opened.Prepare(t.Context(), run, arguments)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened.Do(t.Context(), run, arguments, memo); err != nil {
		t.Fatal(err)
	}
	run.Recovering = true
	if err := opened.Undo(t.Context(), run, arguments, memo); err != nil {
		t.Fatal(err)
	}

	text, err := os.ReadFile(heard)
	if err != nil {
		t.Fatal(err)
	}
	said := strings.NewReplacer(file, "/etc/app.ini", run.Directory, "/var/lib/gwe/runs/"+run.ID+"/frames/1").Replace(string(text))
	said = regexp.MustCompile(`\.gwe-[0-9a-f]{16}`).ReplaceAllString(said, ".gwe-0123456789abcdef")
	said = regexp.MustCompile(`"description": \{.*\}`).ReplaceAllString(said, `"description": {...}}`)
	document, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(document), opening)
	documented, behind, closed := strings.Cut(rest, "```\n")
	switch {
	case !found || !closed:
		t.Fatalf("%s has no block %q", documentation, opening)
	case documented == said:
	case *update:
		if err := os.WriteFile(documentation, []byte(before+opening+said+"```\n"+behind), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s has\n%s\nand the conversation is\n%s", documentation, documented, said)
	}
}
