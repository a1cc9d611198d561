package errorcodes_test

import (
	"go/ast"
	"go/types"
	"testing"

	"golang.org/x/tools/go/packages"
)

const module = "github.com/gwe-project/gwe"

// source is the program, parsed and typed, with what it takes to follow a value through it.
type source struct {
	packages []*packages.Package
	// declared are the functions' declarations, callers the calls of each.
	declared map[*types.Func]*function
	callers  map[*types.Func][]call
	// hints are the texts that WithHint adds to a call's result; classes what a struct's fields are given.
	hints map[ast.Expr]*ast.CallExpr
	// given are the expressions that each variable and field is ever given.
	given  map[types.Object][]place
	faults []fault
	// rows are the literals of each struct, by a field of it: the lines of a table.
	rows map[types.Object][]map[types.Object]ast.Expr
}

type function struct {
	object      *types.Func
	declaration *ast.FuncDecl
	info        *types.Info
	// uses are the functions that it calls or hands on.
	uses []*types.Func
}

type call struct {
	expression *ast.CallExpr
	info       *types.Info
	in         *types.Func
}

type place struct {
	expression ast.Expr
	info       *types.Info
	in         *types.Func
}

// fault is a place where an error with a code is made.
type fault struct {
	class, code, message, hint ast.Expr
	place                      call
}

func read(t *testing.T) *source {
	t.Helper()
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedDeps,
		Dir:  "../..",
	}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	s := &source{
		packages: loaded, declared: map[*types.Func]*function{}, callers: map[*types.Func][]call{},
		hints: map[ast.Expr]*ast.CallExpr{}, given: map[types.Object][]place{}, rows: map[types.Object][]map[types.Object]ast.Expr{},
	}
	for _, one := range loaded {
		for _, broken := range one.Errors {
			t.Fatal(broken)
		}
		for _, file := range one.Syntax {
			for _, declaration := range file.Decls {
				s.declaration(one.TypesInfo, declaration)
			}
		}
	}
	return s
}

func (s *source) declaration(info *types.Info, declaration ast.Decl) {
	var in *types.Func
	var uses []*types.Func
	made, isFunction := declaration.(*ast.FuncDecl)
	if isFunction {
		in = info.Defs[made.Name].(*types.Func)
	}
	ast.Inspect(declaration, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.Ident:
			if used, ok := info.Uses[node].(*types.Func); ok {
				uses = append(uses, used.Origin())
			}
		case *ast.CallExpr:
			s.call(node, info, in)
		case *ast.CompositeLit:
			s.composite(node, info, in)
		case *ast.AssignStmt:
			if len(node.Lhs) == len(node.Rhs) {
				for i := range node.Lhs {
					s.gives(node.Lhs[i], place{node.Rhs[i], info, in})
				}
			}
		case *ast.ValueSpec:
			for i, value := range node.Values {
				if i < len(node.Names) {
					s.gives(node.Names[i], place{value, info, in})
				}
			}
		}
		return true
	})
	if isFunction {
		s.declared[in] = &function{in, made, info, uses}
	}
}

// gives notes that a variable or field is given an expression.
func (s *source) gives(left ast.Expr, value place) {
	switch left := left.(type) {
	case *ast.Ident:
		object := value.info.Defs[left]
		if object == nil {
			object = value.info.Uses[left]
		}
		if object != nil {
			s.given[origin(object)] = append(s.given[origin(object)], value)
		}
	case *ast.SelectorExpr:
		if object := value.info.Uses[left.Sel]; object != nil {
			s.given[origin(object)] = append(s.given[origin(object)], value)
		}
	}
}

// origin is the variable or field of the generic type or function, for one of an instance.
func origin(object types.Object) types.Object {
	if variable, ok := object.(*types.Var); ok {
		return variable.Origin()
	}
	return object
}

func (s *source) call(node *ast.CallExpr, info *types.Info, in *types.Func) {
	called := callee(node, info)
	if called == nil {
		return
	}
	one := call{node, info, in}
	s.callers[called] = append(s.callers[called], one)
	switch {
	case called.FullName() == module+"/engine/fault.New":
		s.faults = append(s.faults, fault{class: node.Args[0], code: node.Args[1], message: node.Args[2], place: one})
	case called.Name() == "WithHint" || called.Name() == "WithCause":
		inner := node.Fun.(*ast.SelectorExpr).X
		if called.Name() == "WithHint" {
			s.hints[ast.Unparen(inner)] = node
		} else if hint := s.hints[node]; hint != nil {
			s.hints[ast.Unparen(inner)] = hint
		}
	}
}

// composite notes what fields are given, and faults that are written as literals.
func (s *source) composite(node *ast.CompositeLit, info *types.Info, in *types.Func) {
	structure, ok := info.TypeOf(node).Underlying().(*types.Struct)
	if !ok {
		return
	}
	fields := map[string]ast.Expr{}
	row := map[types.Object]ast.Expr{}
	for i, element := range node.Elts {
		field, value := (*types.Var)(nil), element
		if pair, keyed := element.(*ast.KeyValueExpr); keyed {
			value = pair.Value
			field, _ = info.Uses[pair.Key.(*ast.Ident)].(*types.Var)
		} else if i < structure.NumFields() {
			field = structure.Field(i)
		}
		if field != nil {
			fields[field.Name()] = value
			s.given[field.Origin()] = append(s.given[field.Origin()], place{value, info, in})
			row[field] = value
		}
	}
	for field := range row {
		s.rows[field] = append(s.rows[field], row)
	}
	if in != nil && in.Pkg().Path() == module+"/engine/fault" {
		return // New itself
	}
	if named, ok := info.TypeOf(node).(*types.Named); ok && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == module+"/engine/fault" && fields["Code"] != nil {
		made := fault{class: fields["Class"], code: fields["Code"], message: fields["Message"], hint: fields["Hint"]}
		made.place = call{nil, info, in}
		s.faults = append(s.faults, made)
	}
}

// callee is the function or method that a call names; nil for a value, a conversion or a builtin.
func callee(node *ast.CallExpr, info *types.Info) *types.Func {
	var name *ast.Ident
	switch called := ast.Unparen(node.Fun).(type) {
	case *ast.Ident:
		name = called
	case *ast.SelectorExpr:
		name = called.Sel
	case *ast.IndexExpr:
		if selector, ok := called.X.(*ast.SelectorExpr); ok {
			name = selector.Sel
		} else if plain, ok := called.X.(*ast.Ident); ok {
			name = plain
		}
	}
	if name == nil {
		return nil
	}
	found, ok := info.Uses[name].(*types.Func)
	if !ok {
		return nil
	}
	return found.Origin()
}
