package archive

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// runExtract runs one extract step.
func runExtract(t testing.TB, arguments map[string]any) (map[string]any, error) {
	t.Helper()
	run := &step.Run{ID: "20260101-run", Step: "app", Machine: step.Local{}, Directory: t.TempDir(), Log: tasklog.Begin(ignore{}, "step", "extract")}
	if _, given := arguments["verified"]; !given {
		arguments["unverified"] = "allow"
	}
	memo, err := Extract().Prepare(t.Context(), run, arguments)
	if err != nil {
		return nil, err
	}
	return Extract().Do(t.Context(), run, arguments, memo)
}

type ignore struct{}

func (ignore) Handle(tasklog.Event) {}

// TestAgainstTar compares what extract and unpack make with what GNU tar extracts from the same archives, in
// each of its formats and each program's compression, whatever the archive is named.
func TestAgainstTar(t *testing.T) {
	need.Root(t, "it makes device nodes")
	for seed, how := range []struct {
		format, packed, compressor string
		simple                     plain
	}{
		{"posix", "fw", "", false},
		{"posix", ".", "gzip -9", false},
		{"gnu", "fw", "zstd -q", false},
		{"gnu", ".", "xz -1 -T2", false},
		{"oldgnu", "fw", "bzip2", false},
		{"posix", "fw", "xz -9 --x86 --lzma2=preset=1", false},
		{"ustar", "fw", "gzip", true},
		{"v7", "fw", "", true},
		{"v7", ".", "zstd -q --long=27", true},
	} {
		t.Run(how.format+" "+how.compressor, func(t *testing.T) {
			base := t.TempDir()
			randomTree(t, filepath.Join(base, "made", "fw"), rand.New(rand.NewPCG(uint64(seed), 1)), how.simple)
			from := filepath.Join(base, "made")
			if how.packed == "." {
				from = filepath.Join(from, "fw")
			}
			archive := filepath.Join(base, "archive.zip") // the name says nothing
			pack := []string{"--format=" + how.format, "-cf", archive, "-C", from}
			if !how.simple {
				pack = append(pack, "--sparse")
			}
			unpack := []string{"-xpf", archive, "--numeric-owner"}
			if how.format == "posix" {
				pack, unpack = append(pack, "--xattrs"), append(unpack, "--xattrs", "--xattrs-include=*")
			}
			if how.compressor != "" {
				pack, unpack = append(pack, "-I", how.compressor), append(unpack, "-I", strings.Fields(how.compressor)[0])
				if strings.Contains(how.compressor, "--long") {
					unpack[len(unpack)-1] = "zstd --long=27"
				}
			}
			command(t, "tar", append(pack, how.packed)...)
			want := filepath.Join(base, "want")
			check(t, os.Mkdir(want, 0o755))
			command(t, "tar", append(unpack, "-C", want)...)

			is := filepath.Join(base, "is")
			_, err := runExtract(t, map[string]any{"archive": archive, "to": is})
			check(t, err)
			wanted, found := snapshot(t, want), snapshot(t, is)
			if how.packed != "." {
				delete(wanted, ".") // the archive has nothing for it
				delete(found, ".")
			}
			sameTree(t, wanted, found)

			if how.packed == "." {
				return
			}
			_, err = runExtract(t, map[string]any{"archive": archive, "to": is + "1", "strip": 1})
			check(t, err)
			sameTree(t, snapshot(t, filepath.Join(want, "fw")), snapshot(t, is+"1"))
			if how.compressor == "" {
				source, err := os.Open(archive)
				check(t, err)
				defer source.Close()
				made, err := extractInto(t, source, is+"2", lax())
				check(t, err)
				if made.top != "fw" {
					t.Errorf("the top-level name is %q", made.top)
				}
				sameTree(t, snapshot(t, filepath.Join(want, "fw")), snapshot(t, is+"2"))
			}
		})
	}
}

// TestAgainstZip compares with the tree that Info-ZIP has packed, as far as a zip can hold it: it knows
// neither hard links nor extended attributes, and whole seconds only. What unzip makes of the same archive is
// the same too, but for names that it changes and the times of links, which it leaves.
func TestAgainstZip(t *testing.T) {
	need.Root(t, "it makes device nodes")
	for _, options := range []string{"-rqy", "-rqy0"} {
		t.Run(options, func(t *testing.T) {
			base := t.TempDir()
			made, unzipped, is := filepath.Join(base, "made"), filepath.Join(base, "unzipped"), filepath.Join(base, "is")
			randomTree(t, filepath.Join(made, "fw"), rand.New(rand.NewPCG(7, 1)), true)
			archive := filepath.Join(base, "archive.tar") // the name says nothing
			zip := exec.Command("zip", options, archive, "fw")
			zip.Dir = made
			if output, err := zip.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, output)
			}
			_, err := runExtract(t, map[string]any{"archive": archive, "to": is})
			check(t, err)
			found := inZip(snapshot(t, is))
			sameTree(t, inZip(snapshot(t, made)), found)

			command(t, "unzip", "-qKX", archive, "-d", unzipped)
			same := 0
			for name, line := range inZip(snapshot(t, unzipped)) {
				if is, known := found[name]; known && !strings.Contains(line, " -> ") {
					if same++; is != line {
						t.Errorf("%q: unzip makes %s\nand extract %s", name, line, is)
					}
				}
			}
			if same < 20 {
				t.Errorf("unzip has only %d names in common", same)
			}
		})
	}
}

// inZip is what a zip can hold of a tree.
func inZip(tree map[string]string) map[string]string {
	delete(tree, ".")
	for name, line := range tree {
		line, _, _ = strings.Cut(line, " = ")
		line, _, _ = strings.Cut(line, " security.")
		line, _, _ = strings.Cut(line, " trusted.")
		line, _, _ = strings.Cut(line, " user.")
		tree[name] = line
	}
	return tree
}

// TestSelectionAgainstTar: strip and exclude leave what tar leaves.
func TestSelectionAgainstTar(t *testing.T) {
	base := t.TempDir()
	for _, path := range []string{"fw/readme", "fw/lib/a.so", "fw/lib/b.map", "fw/lib/deep/a.so", "fw/share/doc/text", "fw/share/c.map/x"} {
		check(t, os.MkdirAll(filepath.Join(base, filepath.Dir(path)), 0o755))
		check(t, os.WriteFile(filepath.Join(base, path), []byte(path), 0o640))
	}
	check(t, os.Chmod(filepath.Join(base, "fw/lib"), 0o711))
	archive := filepath.Join(base, "fw.tar")
	command(t, "tar", "-cf", archive, "-C", base, "fw")
	for name, one := range map[string]struct {
		tar       []string
		arguments map[string]any
	}{
		"strip 1":           {[]string{"--strip-components=1"}, map[string]any{"strip": 1}},
		"strip 2":           {[]string{"--strip-components=2"}, map[string]any{"strip": 2}},
		"exclude a name":    {[]string{"--exclude=*.map"}, map[string]any{"exclude": []any{"*.map"}}},
		"exclude a path":    {[]string{"--exclude=fw/lib"}, map[string]any{"exclude": []any{"/fw/lib"}}},
		"include a path":    {[]string{"fw/lib"}, map[string]any{"include": []any{"/fw/lib"}}},
		"include, stripped": {[]string{"--strip-components=1", "--wildcards", "fw/*/a.so"}, map[string]any{"strip": 1, "include": []any{"a.so"}}},
		"both":              {[]string{"--wildcards", "--exclude=*.map", "fw/lib*"}, map[string]any{"include": []any{"lib"}, "exclude": []any{"*.map"}}},
	} {
		t.Run(name, func(t *testing.T) {
			want, is := t.TempDir(), filepath.Join(t.TempDir(), "is")
			command(t, "tar", append([]string{"-xpf", archive, "-C", want}, one.tar...)...)
			one.arguments["archive"], one.arguments["to"] = archive, is
			_, err := runExtract(t, one.arguments)
			check(t, err)
			if wanted, found := filesIn(t, want), filesIn(t, is); !slices.Equal(wanted, found) {
				t.Errorf("want %q, got %q", wanted, found)
			}
			// tar makes the directories above with its own mode; here they are as the archive has them.
			for _, path := range []string{"lib", "fw/lib"} {
				if info, err := os.Stat(filepath.Join(is, path)); err == nil && info.Mode().Perm() != 0o711 {
					t.Errorf("%s has the mode %v", path, info.Mode())
				}
			}
		})
	}
}

// filesIn lists the paths of all that is below a directory.
func filesIn(t testing.TB, directory string) []string {
	t.Helper()
	var names []string
	for name := range snapshot(t, directory) {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
