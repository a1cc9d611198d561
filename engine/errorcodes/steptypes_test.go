package errorcodes_test

import (
	"go/ast"
	"go/types"
	"testing"
)

// stepTypes tells of each function which built-in step types can come to it. It follows calls whose function
// is known, and methods of interfaces to all that have them; what a type hands on as a value counts as
// called.
func (s *source) stepTypes(t *testing.T) map[*types.Func][]string {
	t.Helper()
	reached := map[*types.Func][]string{}
	made := 0
	for _, calls := range s.callers {
		for _, one := range calls {
			name, action := s.madeType(one)
			if action == nil {
				continue
			}
			made++
			seen := map[*types.Func]bool{}
			methods := types.NewMethodSet(action) // promoted ones are among them
			for i := range methods.Len() {
				if method, ok := methods.At(i).Obj().(*types.Func); ok {
					s.walk(method.Origin(), seen)
				}
			}
			for function := range seen {
				reached[function] = append(reached[function], name)
			}
		}
	}
	if made < 20 {
		t.Fatalf("only %d step types were found", made)
	}
	return reached
}

// madeType recognizes step.New(step.About{Name: "x"}, action{}).
func (s *source) madeType(one call) (name string, action *types.Named) {
	called := callee(one.expression, one.info)
	if called.FullName() != module+"/engine/step.New" || len(one.expression.Args) != 2 {
		return "", nil
	}
	about, ok := one.expression.Args[0].(*ast.CompositeLit)
	if !ok {
		return "", nil
	}
	for _, element := range about.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok && pair.Key.(*ast.Ident).Name == "Name" {
			name, _ = constantText(pair.Value, one.info)
		}
	}
	action, _ = types.Unalias(one.info.TypeOf(one.expression.Args[1])).(*types.Named)
	return name, action
}

func (s *source) walk(function *types.Func, seen map[*types.Func]bool) {
	if seen[function] {
		return
	}
	seen[function] = true
	known := s.declared[function]
	if known == nil {
		for _, behind := range s.implementations(function) {
			s.walk(behind, seen)
		}
		return
	}
	for _, used := range known.uses {
		s.walk(used, seen)
	}
}

// implementations are the methods that an interface's method of ours stands for.
func (s *source) implementations(method *types.Func) []*types.Func {
	receiver := method.Signature().Recv()
	if receiver == nil || method.Pkg() == nil || len(method.Pkg().Path()) < len(module) || method.Pkg().Path()[:len(module)] != module {
		return nil
	}
	wanted, ok := receiver.Type().Underlying().(*types.Interface)
	if !ok {
		return nil
	}
	var found []*types.Func
	for function := range s.declared {
		if function.Name() != method.Name() || function.Signature().Recv() == nil {
			continue
		}
		if types.Implements(function.Signature().Recv().Type(), wanted) {
			found = append(found, function)
		}
	}
	return found
}
