package openat

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Why a file of the source may change something by its path.
const (
	state      = "it changes the state directory, where only trusted users write (engine/trusted.go)"
	directory  = "it changes Run.Directory, which lies in the state directory"
	locks      = "it changes the directory of locks and its records, which engine/claim trusts before"
	kernel     = "it changes control groups, which are the kernel's"
	temporary  = "it makes a directory of its own, with a name that no other user knows, and removes that"
	descriptor = "the path is that of an open descriptor, in /proc/self/fd"
	packages   = "it serves `gwe pack` and the state directory, not a step"
)

// byPath are the files of the source that may.
var byPath = map[string]string{
	"engine/internal/runstate/recovery_failure.go": state, "engine/internal/runstate/resolution.go": state, "engine/internal/runstate/state.go": state, "engine/internal/runstate/unfinished.go": state,
	"engine/journal/journal.go": state, "engine/journal/space.go": state, "engine/internal/program/freeze.go": state, "engine/internal/run/runner.go": state, "engine/boot_loop.go": state, "engine/recover.go": state, "engine/facts.go": state, "engine/internal/program/plugins.go": state, "engine/retention.go": state, "engine/internal/run/mutate.go": state, "engine/engine.go": state,

	"engine/durable/checked.go": directory, "engine/made/list.go": directory, "steps/migration/rollback_do.go": directory,
	"steps/holdings/renew.go":  directory,
	"steps/transfer/groups.go": directory, "steps/transfer/manifest.go": directory, "steps/transfer/shared.go": directory,

	"engine/claim/claim.go": locks, "engine/claim/place.go": locks, "engine/claim/record.go": locks,

	"engine/process/cgroup.go": kernel, "steps/command/rights.go": temporary, "engine/durable/write.go": packages, "engine/durable/rename.go": packages,

	"engine/openat/entry.go": descriptor, "engine/xattr/place.go": descriptor,
}

// changing are the functions of os, syscall and unix that change what a path leads to.
var changing = []string{
	"Chmod", "Chown", "Lchown", "Rename", "Remove", "RemoveAll", "Mkdir", "MkdirAll", "Symlink", "Link", "Truncate", "Chtimes", "WriteFile", "Create", "CreateTemp", "MkdirTemp",
	"Unlink", "Rmdir", "Mknod", "Mkfifo", "Setxattr", "Lsetxattr", "Removexattr", "Lremovexattr", "Utimes", "UtimesNano", "Lutimes", "Creat", "CopyFS",
}

// What steps and the engine change in a tree they change in an open directory: a path that is resolved again
// may lead to another place. Every other file of the source is listed with its reason.
func TestNothingIsChangedByPath(t *testing.T) {
	looked := 0
	met := map[string]bool{}
	for _, room := range []string{"engine", "steps"} {
		err := filepath.WalkDir(filepath.Join("../..", room), func(path string, entry fs.DirEntry, err error) error {
			name := strings.TrimPrefix(path, "../../")
			switch {
			case err != nil:
				return err
			case entry.IsDir() && slices.Contains([]string{"engine/durable/durabletest", "engine/need", "steps/conformance", "steps/steptest"}, name):
				return fs.SkipDir // trees of tests, and of `gwe steps check`
			case entry.IsDir(), !strings.HasSuffix(path, ".go"), strings.HasSuffix(path, "_test.go"):
				return nil
			}
			looked++
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(node ast.Node) bool {
				call, ok := node.(*ast.CallExpr)
				if !ok || !changesPath(call) {
					return true
				}
				met[name] = true
				if byPath[name] == "" {
					t.Errorf("%s: %s acts by path: use an openat.Dir, in a step that of step.Run.Dir", files.Position(call.Pos()), types.ExprString(call))
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if looked < 100 {
		t.Errorf("only %d files of the source were looked at", looked)
	}
	for name := range byPath {
		if _, err := os.Stat(filepath.Join("../..", name)); err != nil || !met[name] {
			t.Errorf("%s changes nothing by path, and is listed: %v", name, err)
		}
	}
}

func changesPath(call *ast.CallExpr) bool {
	called, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	of, ok := called.X.(*ast.Ident)
	return ok && slices.Contains([]string{"os", "unix", "syscall"}, of.Name) && slices.Contains(changing, called.Sel.Name)
}
