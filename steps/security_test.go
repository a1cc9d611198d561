package steps_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps"
	"github.com/gwe-project/gwe/steps/steptest/attack"
)

var update = flag.Bool("update", false, "write the table of docs/security.md anew")

const securityPage = "../docs/security.md"

// TestSecurityTable: the table in docs/security.md has a row for each step type and moment, and its cells
// name the tests that attack just that. Only a type without any path may do without.
func TestSecurityTable(t *testing.T) {
	cases := attackedTypes(t)
	head := "| step type | when |"
	rule := "| --- | --- |"
	for _, column := range attack.Columns() {
		head, rule = head+" "+column+" |", rule+" --- |"
	}
	table := head + "\n" + rule + "\n"
	names := steps.Catalog().Names()
	slices.Sort(names)
	for _, name := range names {
		kind, _ := steps.Catalog().Find(name)
		for _, when := range attack.Moments() {
			table += fmt.Sprintf("| `%s` | %s |", name, when)
			for _, column := range attack.Columns() {
				tests := slices.Sorted(maps.Keys(cases[name][column]))
				switch {
				case len(tests) > 0:
					table += " `" + strings.Join(tests, "`, `") + "` |"
				case !namesPath(kind.Arguments()):
					table += " no path |"
				default:
					t.Errorf("no test attacks %s by: %s (see steps/steptest/attack)", name, column)
					table += " |"
				}
			}
			table += "\n"
		}
	}
	page, err := os.ReadFile(securityPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), head+"\n")
	if !found {
		t.Fatalf("docs/security.md has no table with the head\n%s", head)
	}
	written := head + "\n"
	after := rest
	for strings.HasPrefix(after, "|") {
		line, more, _ := strings.Cut(after, "\n")
		written, after = written+line+"\n", more
	}
	if *update {
		if err := os.WriteFile(securityPage, []byte(before+table+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if difference := cmp.Diff(table, written); difference != "" {
		t.Errorf("the table is not what the tests do (just docs writes it anew):\n%s", difference)
	}
}

// namesPath reports whether an argument may hold a path: one of that kind, an address such as unix:///SOCKET,
// or a program to start.
func namesPath(of value.Type) bool {
	if of.Elem != nil && namesPath(*of.Elem) || of.Kind == value.KindPath || of.Kind == value.KindURL {
		return true
	}
	return slices.ContainsFunc(of.Fields, func(field value.Field) bool {
		return namesPath(field.Type) || slices.Contains([]string{"argv", "command", "source", "target"}, field.Name)
	})
}

// attackedTypes reads the tests of the step types: for each type the tests that attack it, by column.
func attackedTypes(t *testing.T) map[string]map[string]map[string]bool {
	t.Helper()
	constructors := constructors(t)
	found := map[string]map[string]map[string]bool{}
	files, err := filepath.Glob("*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declared := range parsed.Decls {
			test, ok := declared.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(test.Name.Name, "Test") || !attacks(test) {
				continue
			}
			ast.Inspect(test, func(node ast.Node) bool {
				literal, ok := node.(*ast.CompositeLit)
				if !ok {
					return true
				}
				fields := fieldsOf(literal)
				tried, ok := fields["Type"].(*ast.CallExpr)
				if !ok || fields["Parents"] == nil && fields["Leaves"] == nil {
					return true
				}
				name := constructors[called(tried, filepath.Dir(path))]
				if name == "" {
					t.Errorf("%s: %s attacks what is not in the catalog", path, test.Name.Name)
				}
				for _, column := range attack.Columns() {
					field := "Leaves"
					if column == attack.ParentSwapped || column == attack.MountOver {
						field = "Parents"
					}
					if fields[field] == nil {
						continue
					}
					if found[name] == nil {
						found[name] = map[string]map[string]bool{}
					}
					if found[name][column] == nil {
						found[name][column] = map[string]bool{}
					}
					found[name][column][test.Name.Name] = true
				}
				return true
			})
		}
	}
	return found
}

// constructors maps "package.Function", as steps/catalog.go lists them, to the names of the types.
func constructors(t *testing.T) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), "catalog.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	ast.Inspect(parsed, func(node ast.Node) bool {
		literal, ok := node.(*ast.CompositeLit)
		if !ok {
			return true
		}
		if len(literal.Elts) != len(steps.Catalog()) {
			t.Fatalf("catalog.go lists %d types, and the catalog has %d", len(literal.Elts), len(steps.Catalog()))
		}
		for i, element := range literal.Elts {
			call, ok := element.(*ast.CallExpr)
			if !ok {
				t.Fatalf("type %d in catalog.go is not a call", i)
			}
			names[called(call, "steps")] = steps.Catalog()[i].About().Name
		}
		return false
	})
	return names
}

// called is the function of a call as "package.Function"; in is the package of the call.
func called(call *ast.CallExpr, in string) string {
	switch function := call.Fun.(type) {
	case *ast.SelectorExpr:
		if of, ok := function.X.(*ast.Ident); ok {
			return of.Name + "." + function.Sel.Name
		}
	case *ast.Ident:
		return in + "." + function.Name
	}
	return ""
}

// attacks reports whether a function calls attack.Run.
func attacks(test *ast.FuncDecl) (is bool) {
	ast.Inspect(test, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		is = is || ok && called(call, "") == "attack.Run"
		return !is
	})
	return is
}

func fieldsOf(literal *ast.CompositeLit) map[string]ast.Expr {
	fields := map[string]ast.Expr{}
	for _, element := range literal.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			if name, ok := pair.Key.(*ast.Ident); ok {
				fields[name.Name] = pair.Value
			}
		}
	}
	return fields
}
