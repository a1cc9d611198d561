package regular

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

// rooms are the directories whose code runs on a device.
var rooms = []string{"engine", "steps", "schema", "cmd", "bundle", "recipes"}

// Why a file of the source may open others in another way.
const (
	kernel  = "it names files of the kernel: /proc, /sys, /dev/null, a cgroup"
	state   = "it writes a new file of the run's directory, where only trusted users write (engine/trusted.go)"
	harness = "it runs in tests, and in `gwe steps check`, on a tree of its own"
	flags   = "the opener of its package: it is the callers that this test looks at"
	named   = "the operator names the file or terminal that is written to"
)

// exceptions are such files and directories.
var exceptions = map[string]string{
	"engine/durable/busy.go": kernel, "engine/durable/mount.go": kernel, "engine/durable/mounted.go": kernel, "engine/trust/user.go": kernel,
	"engine/claim/mounts.go": kernel, "engine/process/cgroup.go": kernel, "engine/process/child.go": kernel, "engine/process/identity.go": kernel, "engine/process/pipes.go": kernel,
	"engine/process/room.go": kernel, "engine/process/tree.go": kernel, "engine/support.go": kernel, "cmd/gwe/command/memory.go": kernel, "steps/supervisor/ancestor.go": kernel,

	"engine/facts.go": state,

	"cmd/gwe/trial": harness, "engine/durable/durabletest": harness, "steps/conformance": harness, "steps/steptest": harness,

	"engine/made/entry.go": flags, "engine/openat/dir.go": flags, "engine/openat/below.go": flags, "engine/openat/remove_all.go": flags, "steps/archive/cursor.go": flags,
	"steps/duplicate/duplicate.go": flags, "steps/transfer/directory.go": flags,

	"cmd/gwe/command/passphrase.go": named, "cmd/gwe/command/test.go": named,
}

// excepted reports whether the file, or a directory above it, is listed.
func excepted(path string) bool {
	for ; path != "."; path = filepath.Dir(path) {
		if exceptions[path] != "" {
			return true
		}
	}
	return false
}

// Files are opened here, or by calls that cannot wait: every other place is listed with its reason.
func TestOpensNothingElse(t *testing.T) {
	looked := 0
	for _, room := range rooms {
		err := filepath.WalkDir(filepath.Join("../..", room), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/regular/") {
				return err
			}
			looked++
			if excepted(strings.TrimPrefix(path, "../../")) {
				return nil
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(node ast.Node) bool {
				if call, ok := node.(*ast.CallExpr); ok && waits(call) {
					t.Errorf("%s: %s may wait for ever on what another user put in the place of the file: use engine/regular",
						files.Position(call.Pos()), types.ExprString(call))
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
	for path := range exceptions {
		if _, err := os.Lstat(filepath.Join("../..", path)); err != nil {
			t.Errorf("listed: %v", err)
		}
	}
}

// The test sees what it is for.
func TestWaits(t *testing.T) {
	for text, want := range map[string]bool{
		`os.Open(path)`: true, `os.ReadFile(path)`: true, `os.OpenFile(path, os.O_RDONLY, 0)`: true, `unix.Openat(directory, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)`: true,
		`root.Open(name)`: true, `t.root.OpenFile(name, os.O_RDONLY, 0)`: true, `openAt(directory, name, unix.O_RDONLY, 0)`: true,
		`os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)`: false, `regular.Open(path, os.O_RDONLY, 0)`: false, `openAt(directory, name, unix.O_PATH, 0)`: false,
		`os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)`: false, `machine.Open(path)`: false, `root.Open(".")`: false,
	} {
		call, err := parser.ParseExpr(text)
		if err != nil {
			t.Fatal(err)
		}
		if waits(call.(*ast.CallExpr)) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}

// waits reports whether the call opens a file in a way that may wait: by a function that opens without
// O_NONBLOCK, or with flags that do not rule out a FIFO.
func waits(call *ast.CallExpr) bool {
	name := types.ExprString(call.Fun)
	switch name {
	case "os.Open", "os.ReadFile", "os.Create", "os.WriteFile":
		return true
	case "os.OpenFile", "unix.Open", "unix.Openat", "unix.Openat2", "syscall.Open", "syscall.Openat", "openAt", "openat":
	default:
		if strings.HasPrefix(name, "regular.") || strings.HasPrefix(name, "tasklog.") ||
			!strings.HasSuffix(name, ".OpenFile") && name != "root.Open" && !strings.HasSuffix(name, ".root.Open") {
			return false
		}
	}
	safe := false
	for _, argument := range call.Args {
		ast.Inspect(argument, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.Ident:
				safe = safe || slices.Contains([]string{"O_NONBLOCK", "nonBlocking", "O_DIRECTORY", "O_PATH", "O_EXCL"}, node.Name)
			case *ast.BasicLit:
				safe = safe || node.Value == `"."` // a directory
			}
			return true
		})
	}
	return !safe
}
