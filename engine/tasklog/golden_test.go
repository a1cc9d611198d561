package tasklog_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gwe-project/gwe/engine/tasklog"
)

var update = flag.Bool("update", false, "write the golden files anew")

// closer is a renderer.
type closer interface {
	tasklog.Sink
	Close() error
}

var renderers = map[string]func(out io.Writer) closer{
	"depth1": func(out io.Writer) closer { return tasklog.NewTree(out, tasklog.TreeOptions{Depth: 1, Buffer: 5}) },
	"depth2": func(out io.Writer) closer { return tasklog.NewTree(out, tasklog.TreeOptions{Depth: 2, Buffer: 5}) },
	"depth3": func(out io.Writer) closer { return tasklog.NewTree(out, tasklog.TreeOptions{Depth: 3, Buffer: 5}) },
	"all":    func(out io.Writer) closer { return tasklog.NewTree(out, tasklog.TreeOptions{}) },
	"live": func(out io.Writer) closer {
		return started(tasklog.NewTree(visible{out}, tasklog.TreeOptions{Depth: 2, Color: true, Live: true, Size: screen(90)}))
	},
	"narrow": func(out io.Writer) closer {
		return started(tasklog.NewTree(visible{out}, tasklog.TreeOptions{Depth: 2, Live: true, Size: screen(50)}))
	},
	"plain": func(out io.Writer) closer { return tasklog.NewPlain(out, 0) },
	"brief": func(out io.Writer) closer { return tasklog.NewPlain(out, 2) },
	"json":  func(out io.Writer) closer { return tasklog.NewJSON(out) },
}

// started lets some time pass, so that no event comes at the moment in which the status is looked at.
func started(tree *tasklog.Tree) *tasklog.Tree {
	time.Sleep(7 * time.Millisecond)
	return tree
}

// screen is a terminal of so many columns.
func screen(columns int) func() (int, int) {
	return func() (int, int) { return columns, 24 }
}

// visible shows escape codes, one write a paragraph.
type visible struct{ out io.Writer }

func (v visible) Write(p []byte) (int, error) {
	_, err := io.WriteString(v.out, strings.ReplaceAll(string(p), "\x1b", "␛")+"\n")
	return len(p), err
}

// golden lists which scene is drawn by which renderers.
var golden = map[string][]string{
	"good":     {"depth1", "depth2", "depth3", "all", "plain", "brief", "json"},
	"failing":  {"depth1", "depth2", "depth3", "all", "live", "plain", "brief", "json"},
	"parallel": {"depth1", "depth2", "depth3", "all", "plain", "brief"},
	"retry":    {"depth2", "depth3", "plain", "brief"},
	"flood":    {"depth1", "depth2"},
	"crash":    {"depth2", "plain"},
	"progress": {"depth2", "live", "narrow", "plain"},
	"silent":   {"depth2", "live", "narrow", "plain", "json"},
	"long":     {"depth2", "live", "narrow", "plain"},
}

func TestGolden(t *testing.T) {
	for scene, names := range golden {
		for _, name := range names {
			t.Run(scene+"."+name, func(t *testing.T) {
				var out bytes.Buffer
				synctest.Test(t, func(t *testing.T) {
					renderer := renderers[name](&out)
					scenes[scene](renderer)
					if err := renderer.Close(); err != nil {
						t.Error(err)
					}
				})
				path := filepath.Join("testdata", scene+"."+name+".golden")
				if *update {
					if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), out.String()); diff != "" {
					t.Errorf("%s (-want +got):\n%s", path, diff)
				}
			})
		}
	}
}
