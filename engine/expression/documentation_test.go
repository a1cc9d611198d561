package expression

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/gwe-project/gwe/engine/value"
)

var update = flag.Bool("update", false, "write the results into docs/expressions.md")

const documentation = "../../docs/expressions.md"

// TestDocumentation compiles and evaluates every example of docs/expressions.md: it is the table of what is
// allowed and of the error for what is not.
func TestDocumentation(t *testing.T) {
	content, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	rendered := renderDocumentation(t, string(content))
	if *update {
		if err := os.WriteFile(documentation, []byte(rendered), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if difference := cmp.Diff(string(content), rendered); difference != "" && !*update {
		t.Errorf("docs/expressions.md says otherwise (-documented +real); go test -update writes it:\n%s", difference)
	}
}

func renderDocumentation(t *testing.T, content string) string {
	var written strings.Builder
	var block []string
	inside := ""
	examples := 0
	for line := range strings.Lines(content) {
		switch {
		case inside == "" && strings.HasPrefix(line, "```"):
			inside = strings.TrimSpace(strings.TrimPrefix(line, "```"))
			written.WriteString(line)
		case inside != "" && strings.HasPrefix(line, "```"):
			if inside == "functions" {
				written.WriteString(renderFunctions())
			} else {
				sources := examplesOf(block)
				examples += len(sources)
				for i, source := range sources {
					if i > 0 {
						written.WriteString("\n")
					}
					written.WriteString(renderExample(t, inside, source))
				}
			}
			written.WriteString(line)
			inside, block = "", nil
		case inside != "":
			block = append(block, strings.TrimSuffix(line, "\n"))
		default:
			written.WriteString(line)
		}
	}
	if examples < 150 {
		t.Errorf("docs/expressions.md has %d examples, of 150 at least", examples)
	}
	return written.String()
}

// examplesOf gives the first line of every stretch between empty lines.
func examplesOf(block []string) []string {
	var sources []string
	before := ""
	for _, line := range block {
		if line != "" && before == "" {
			sources = append(sources, line)
		}
		before = line
	}
	return sources
}

func renderExample(t *testing.T, mode, source string) string {
	kind, rest, _ := strings.Cut(mode, " ")
	name, allowed, _ := strings.Cut(rest, " ")
	want := value.Of(value.KindAny)
	if name != "any" {
		var err error
		if want, err = value.ParseType(name); err != nil {
			t.Fatal(err)
		}
	}
	scope := testScope()
	if allowed == "secrets" {
		scope = scope.AllowSecrets()
	}
	var compiled interface {
		Evaluate(map[string]any) (any, error)
		Type() value.Type
		Secret() bool
	}
	var problems []Problem
	if kind == "expr" {
		compiled, problems = Compile(source, scope, want)
	} else {
		compiled, problems = CompileText(source, scope, want)
	}
	var written strings.Builder
	fmt.Fprintln(&written, source)
	for _, problem := range problems {
		if problem.From < 0 || problem.To < problem.From || problem.To > len(source) {
			t.Errorf("%s: the problem %+v lies outside", source, problem)
			continue
		}
		margin := strings.Repeat(" ", utf8.RuneCountInString(source[:problem.From]))
		fmt.Fprintf(&written, "%s%s %s\n", margin, strings.Repeat("^", max(1, utf8.RuneCountInString(source[problem.From:problem.To]))), problem.Message)
		if problem.Hint != "" {
			fmt.Fprintf(&written, "%s= %s\n", margin, problem.Hint)
		}
	}
	if len(problems) > 0 {
		return written.String()
	}
	result, err := compiled.Evaluate(testNames())
	shown := value.Text(result)
	if compiled.Secret() {
		shown += " (secret)"
	}
	if err != nil {
		fmt.Fprintf(&written, "→ fails: %v\n", err)
	} else {
		fmt.Fprintf(&written, "→ %s: %s\n", compiled.Type(), shown)
	}
	return written.String()
}

func renderFunctions() string {
	var written strings.Builder
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		for _, signature := range functions[name].signatures {
			fmt.Fprintln(&written, signature)
		}
	}
	return written.String()
}
