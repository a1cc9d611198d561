package transfer

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gwe-project/gwe/steps/steptest/randomtree"
)

// firmware makes a tree of that many files, bytes in all.
func firmware(t testing.TB, root string, files int, bytes int64) {
	t.Helper()
	g := randomtree.New(t, 7)
	content := make([]byte, 4*bytes/int64(files))
	for i := range content {
		content[i] = byte(g.Uint32())
	}
	for i := range files {
		directory := filepath.Join(root, fmt.Sprintf("lib%02d/part%d", i%40, i%3))
		check(t, os.MkdirAll(directory, 0o755))
		// One in ten is large, most are small.
		size := bytes / int64(files) / 3
		if i%10 == 0 {
			size = bytes / int64(files) * 4
		}
		check(t, os.WriteFile(fmt.Sprintf("%s/file%d", directory, i), content[i%64:min(int64(i%64)+size, int64(len(content)))], 0o644))
	}
}

// touch changes one file in twenty.
func touch(t testing.TB, root string, files int) {
	t.Helper()
	for i := 0; i < files; i += 20 {
		path := fmt.Sprintf("%s/lib%02d/part%d/file%d", root, i%40, i%3, i)
		content, err := os.ReadFile(path)
		check(t, err)
		content[0]++
		check(t, os.WriteFile(path, content, 0o644))
	}
}

// BenchmarkAgainstRsync copies a made-up firmware of 2,000 files and 200 MB and updates one file in twenty,
// with the step and with the real program followed by sync -f, in turn.
func BenchmarkAgainstRsync(b *testing.B) {
	const files, bytes = 2000, 200 << 20
	spent := map[string]time.Duration{}
	rounds := 0
	for b.Loop() {
		rounds++
		base := b.TempDir()
		source, ours, theirs, bare := base+"/source", base+"/ours", base+"/theirs", base+"/bare"
		firmware(b, source, files, bytes)
		for _, phase := range []string{"first", "update"} {
			if phase == "update" {
				touch(b, source, files)
			}
			check(b, exec.Command("sync", "-f", base).Run())
			timed := func(name string, work func()) {
				begun := time.Now()
				work()
				spent[phase+"-"+name] += time.Since(begun)
				check(b, exec.Command("sync", "-f", base).Run())
			}
			timed("step", func() { newFrame(b, arguments{Source: source, Target: ours, Delete: true}).do() })
			timed("rsync+sync", func() {
				realRsync(b, "--delete", source+"/", theirs)
				check(b, exec.Command("sync", "-f", base).Run())
			})
			timed("rsync", func() { realRsync(b, "--delete", source+"/", bare) })
		}
		check(b, os.RemoveAll(base))
	}
	for name, time := range spent {
		b.ReportMetric(time.Seconds()*1000/float64(rounds), name+"-ms")
	}
}
