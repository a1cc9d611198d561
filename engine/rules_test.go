package engine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/proof"
	"github.com/gwe-project/gwe/schema"
	"github.com/gwe-project/gwe/schema/rule"
	"github.com/gwe-project/gwe/steps"
)

// TestRulesInSource: each rule id that the source gives to a diagnostic is in the catalog, and each one of
// the catalog is in the source.
func TestRulesInSource(t *testing.T) {
	used := map[string]token.Position{}
	for _, directory := range []string{".", "internal/runstate", "internal/program", "internal/plan", "internal/run", "expression", "proof", "../schema", "../cmd/gwe/trial"} {
		files, err := filepath.Glob(filepath.Join(directory, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				rulesIn(t, file, used)
			}
		}
	}
	known := map[string]bool{}
	for _, one := range rule.All() {
		if known[one.ID] {
			t.Errorf("%s is in the catalog twice", one.ID)
		}
		known[one.ID] = true
		if _, ok := used[one.ID]; !ok {
			t.Errorf("no diagnostic has the rule %s", one.ID)
		}
		if one.Summary == "" || one.Why == "" || strings.HasSuffix(one.Summary, ".") || !strings.HasSuffix(one.Why, ".") {
			t.Errorf("%s: a summary has no full stop, and the reason has one", one.ID)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(used)) {
		if !known[id] {
			t.Errorf("%s: the rule %s is not in schema/rule", used[id], id)
		}
	}
	if len(used) < 50 {
		t.Errorf("only %d rules were found", len(used))
	}
}

// reporters are the functions that report a problem, and which of their arguments is the rule.
var reporters = map[string]int{"fail": 1, "fault": 1, "report": 2, "add": 2}

// rulesIn collects the rules that a file names: as an argument of a reporter, or as the field Rule.
func rulesIn(t *testing.T, file string, used map[string]token.Position) {
	t.Helper()
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	note := func(expression ast.Expr) {
		ast.Inspect(expression, func(node ast.Node) bool {
			if text, ok := node.(*ast.BasicLit); ok && text.Kind == token.STRING {
				if id, _ := strconv.Unquote(text.Value); id != "" {
					used[id] = set.Position(text.Pos())
				}
			}
			return true
		})
	}
	ast.Inspect(parsed, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.CallExpr:
			if called, ok := node.Fun.(*ast.Ident); ok && called.Name == "report" && len(node.Args) > 1 {
				note(node.Args[1])
			}
			called, ok := node.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			at, reports := reporters[called.Sel.Name]
			if owner, named := called.X.(*ast.Ident); named && called.Sel.Name == "warn" { // of the parser; proof names the step first
				at, reports = map[string]int{"p": 1, "c": 2}[owner.Name], true
			}
			if owner, named := called.X.(*ast.Ident); reports && named && (owner.Name == "p" || owner.Name == "c") && at < len(node.Args) {
				note(node.Args[at])
			}
		case *ast.KeyValueExpr:
			if key, ok := node.Key.(*ast.Ident); ok && key.Name == "Rule" {
				note(node.Value)
			}
		case *ast.ValueSpec:
			if filepath.Base(file) == "rule.go" { // the rules of proof are constants
				for _, value := range node.Values {
					note(value)
				}
			}
		case *ast.AssignStmt:
			for i, left := range node.Lhs {
				if name, ok := left.(*ast.Ident); ok && name.Name == "rule" && len(node.Rhs) == len(node.Lhs) {
					note(node.Rhs[i])
				}
			}
		}
		return true
	})
}

// unshown are the rules whose examples would be too long or could not be seen, need two recipes, or are about
// none.
var unshown = []string{"encoding", "character", "too-large", "too-deep", "too-many-problems", "not-in-this-version", "duplicate-name", "path",
	"use-cycle", "use-input", "use-lock", "use-facts", "use-failsafe",
	"unknown-input", "wrong-input", "missing-input", "unknown-output", "unknown-stand-in"}

func unused(program *engine.Program) schema.Diagnostics {
	return proof.Unused(program.Recipe, func(string) bool { return false })
}

// TestRuleExamples: each example breaks its rule and no other one, and put right it breaks none.
func TestRuleExamples(t *testing.T) {
	for _, one := range rule.All() {
		t.Run(one.ID, func(t *testing.T) {
			if one.Wrong == "" || one.Right == "" {
				if !slices.Contains(unshown, one.ID) {
					t.Error("there is no example")
				}
				return
			}
			program, wrong := engine.Load("wrong.yaml", []byte(one.Wrong), steps.Catalog())
			if one.Note && program != nil {
				wrong = append(wrong, proof.Costs(program.Recipe)...)
			}
			if one.ID == proof.UnusedName {
				wrong = append(wrong, unused(program)...)
			}
			broken := len(wrong) > 0 && !slices.ContainsFunc(wrong, func(found schema.Diagnostic) bool { return found.Rule != "not-in-this-version" })
			for _, found := range wrong {
				broken = broken || found.Rule == one.ID
				if found.Rule != one.ID && found.Rule != "not-in-this-version" && one.ID != "output-unset" {
					t.Errorf("the example breaks %s too: %s", found.Rule, found.Message)
				}
				if found.Rule == one.ID && (found.Severity == schema.Warning) != one.Warning && one.ID != "braces" && one.ID != "shell-syntax" {
					t.Errorf("the catalog and the diagnostic disagree on the severity")
				}
			}
			if !broken {
				t.Errorf("the example does not break the rule: %v", wrong)
			}
			program, right := engine.Load("right.yaml", []byte(one.Right), steps.Catalog())
			if program != nil {
				right = append(right, unused(program)...)
			}
			if program == nil || len(right) > 0 {
				t.Errorf("put right, it says %v", right)
			}
		})
	}
}
