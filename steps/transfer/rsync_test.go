package transfer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/engine/xattr"
)

// pair makes a source and an older target in a directory.
func pair(t testing.TB) (base string, a arguments) {
	t.Helper()
	base = t.TempDir()
	release(t, base+"/source")
	older(t, base+"/target")
	return base, arguments{Source: base + "/source", Target: base + "/target"}
}

func TestRefusals(t *testing.T) {
	for name, one := range map[string]struct {
		change func(base string, a *arguments)
		code   string
		class  fault.Class
	}{
		"relative source":      {func(_ string, a *arguments) { a.Source = "source" }, "path-relative", fault.Refused},
		"relative target":      {func(_ string, a *arguments) { a.Target = "target" }, "path-relative", fault.Refused},
		"two remotes":          {func(_ string, a *arguments) { a.Source, a.Target = "a:b", "c:d" }, "rsync-two-remotes", fault.Refused},
		"target in source":     {func(_ string, a *arguments) { a.Target = a.Source + "/lib" }, "rsync-overlap", fault.Refused},
		"new target in source": {func(_ string, a *arguments) { a.Target = a.Source + "/new" }, "rsync-overlap", fault.Refused},
		"source in target":     {func(_ string, a *arguments) { a.Source = a.Target + "/gone" }, "rsync-overlap", fault.Refused},
		"one directory, two names": {func(base string, a *arguments) {
			_ = os.Symlink("source", base+"/alias")
			a.Target = base + "/alias"
		}, "rsync-overlap", fault.Refused},
		"target is a file": {func(_ string, a *arguments) { a.Target += "/gone too" }, "rsync-not-a-directory", fault.Refused},
		"no parent":        {func(base string, a *arguments) { a.Target = base + "/none/target" }, "rsync-no-parent", fault.Failed},
		"no source":        {func(base string, a *arguments) { a.Source = base + "/none" }, "rsync-no-source", fault.Failed},
		"source is a file": {func(base string, a *arguments) { a.Source += "/lib/app" }, "rsync-no-source", fault.Failed},
		"an empty source":  {func(_ string, a *arguments) { _ = os.RemoveAll(a.Source); _ = os.Mkdir(a.Source, 0o755) }, "rsync-source-empty", fault.Refused},
		"and a new target": {func(base string, a *arguments) {
			_ = os.Mkdir(base+"/stick", 0o755)
			a.Source, a.Target = base+"/stick", base+"/new"
		}, "rsync-source-empty", fault.Refused},
		"source unmounted": {func(_ string, a *arguments) { a.Mounted = []value.Path{"", value.Path(a.Source)} }, "not-mounted", fault.Refused},
		"no mount point":   {func(_ string, a *arguments) { a.Mounted = []value.Path{value.Path(a.Source + "/none")} }, "not-mounted", fault.Refused},
		"mount relative":   {func(_ string, a *arguments) { a.Mounted = []value.Path{"data"} }, "path-relative", fault.Refused},
		"pattern":          {func(_ string, a *arguments) { a.Exclude = []string{"- x"} }, "rsync-pattern", fault.Refused},
		"directory in the way": {func(_ string, a *arguments) {
			_ = os.MkdirAll(a.Target+"/lib/app2/x", 0o755)
			_ = os.WriteFile(a.Source+"/lib/app2", nil, 0o644)
		}, "rsync-in-the-way", fault.Failed},
		"excluded in the way": {func(_ string, a *arguments) {
			_ = os.MkdirAll(a.Target+"/lib/app2/x", 0o755)
			_ = os.WriteFile(a.Source+"/lib/app2", nil, 0o644)
			a.Delete, a.Exclude = true, []string{"x"}
		}, "rsync-in-the-way", fault.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			base, a := pair(t)
			one.change(base, &a)
			before := snapshot(t, base)
			f := newFrame(t, a)
			_, err := f.try(t.Context())
			if code(err) != one.code || fault.ClassOf(err) != one.class || fault.As(err).Hint == "" {
				t.Errorf("%v (%s)", err, code(err))
			}
			if f.memo.Target != "" {
				f.undo()
			}
			after := snapshot(t, base)
			delete(before, "") // the hidden directory came and went there
			delete(after, "")
			differ(t, "after it", before, after)
		})
	}
}

// TestEmptySource: where an empty source is right, the target becomes as empty, and comes back.
func TestEmptySource(t *testing.T) {
	_, a := pair(t)
	check(t, os.RemoveAll(a.Source))
	check(t, os.Mkdir(a.Source, 0o755))
	a.Delete, a.Empty = true, "ok"
	before := snapshot(t, a.Target)
	f := newFrame(t, a)
	f.do()
	if entries, err := os.ReadDir(a.Target); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
	f.undo()
	differ(t, "undo", before, snapshot(t, a.Target))
}

func mount(t testing.TB, path string) string {
	t.Helper()
	need.Root(t, "it mounts")
	check(t, os.MkdirAll(path, 0o755))
	check(t, unix.Mount("tmpfs", path, "tmpfs", 0, "size=4m"))
	t.Cleanup(func() { check(t, unix.Unmount(path, unix.MNT_DETACH)) })
	return path
}

// TestMounts: a target that is a mount keeps its hidden directory within, and one mounted in the target is
// refused.
func TestMounts(t *testing.T) {
	base := t.TempDir()
	release(t, base+"/source")
	target := mount(t, base+"/target")
	older(t, target)
	a := arguments{Mounted: []value.Path{value.Path(target)}, Source: base + "/source", Target: target, Delete: true, Checksum: true, LinkDest: []value.Path{value.Path(base + "/source")}}
	before := snapshot(t, target)
	f := newFrame(t, a)
	f.do()
	if filepath.Dir(f.memo.Hidden) != target {
		t.Error(f.memo.Hidden)
	}
	f.undo()
	differ(t, "undo", before, snapshot(t, target))
	if outputs := f.do(); outputs.Linked != 0 {
		t.Error("linked to another device")
	}
	f.release()
	differ(t, "done", snapshot(t, a.Source), snapshot(t, target))

	mount(t, target+"/lib/mounted")
	check(t, os.MkdirAll(a.Source+"/lib/mounted", 0o755))
	for _, remove := range []bool{true, false} {
		if remove {
			check(t, os.RemoveAll(a.Source+"/lib/mounted"))
		} else {
			check(t, os.MkdirAll(a.Source+"/lib/mounted", 0o755))
		}
		f := newFrame(t, a)
		if _, err := f.try(t.Context()); code(err) != "rsync-mount" || fault.ClassOf(err) != fault.Refused {
			t.Error(err)
		}
		f.undo()
	}
	a.Exclude = []string{"/lib/mounted"}
	newFrame(t, a).do()
}

// TestSymbolicLinks: source and target may be links to directories; link-dest too.
func TestSymbolicLinks(t *testing.T) {
	base, a := pair(t)
	for _, name := range []string{"source", "target"} {
		check(t, os.Symlink(name, base+"/to "+name))
	}
	a.Source, a.Target, a.Delete = base+"/to source/", base+"/to target/", true
	a.Exclude = []string{".gwe"}
	const ours, other = ".gwe-old-20260131-093015.120-note", ".gwe-old-20260131-093015.120-other"
	check(t, os.WriteFile(base+"/target/"+ours, nil, 0o600))
	check(t, os.WriteFile(base+"/source/"+other, nil, 0o600))
	check(t, os.WriteFile(base+"/source/.gwe-settings", nil, 0o600)) // not of gwe's own: copied
	check(t, os.WriteFile(base+"/target/.gwe-stale", nil, 0o600))    // and deleted
	f := newFrame(t, a)
	f.do()
	f.release()
	want, got := snapshot(t, base+"/source"), snapshot(t, base+"/target")
	if got[ours] == "" || got[other] != "" {
		t.Error("hidden names of gwe were copied or deleted")
	}
	for _, tree := range []map[string]string{want, got} {
		delete(tree, ours)
		delete(tree, other)
		delete(tree, "etc/app.conf") // same size, same time: left alone without checksum
	}
	differ(t, "done", want, got)
}

func TestChecksum(t *testing.T) {
	base, a := pair(t)
	newFrame(t, a).do()
	if content, _ := os.ReadFile(base + "/target/etc/app.conf"); string(content) != "site=1" {
		// Its attributes differ, its size and time do not: the content stays, as with the real rsync.
		if string(content) != "site=2" {
			t.Errorf("%s", content)
		}
	}
	a.Checksum = true
	newFrame(t, a).do()
	if content, _ := os.ReadFile(base + "/target/etc/app.conf"); string(content) != "site=1" {
		t.Errorf("%s", content)
	}
}

// TestLeased: what gwe needs to go back is not deleted.
func TestLeased(t *testing.T) {
	base, a := pair(t)
	a.Delete = true
	f := newFrame(t, a)
	f.run.Leased = func(path string) bool { return path == base+"/target/gone" }
	before := snapshot(t, base+"/target")
	if _, err := f.try(t.Context()); code(err) != "rsync-leased" {
		t.Error(err)
	}
	f.undo()
	differ(t, "undo", before, snapshot(t, base+"/target"))
}

// TestSharedFiles: what is written in place to a file that link-dest has too fails the run before the commit.
func TestSharedFiles(t *testing.T) {
	base := t.TempDir()
	release(t, base+"/source")
	release(t, base+"/running")
	a := arguments{Source: base + "/source", Target: base + "/target", LinkDest: []value.Path{value.Path(base + "/running")}}
	f := newFrame(t, a)
	if outputs := f.do(); outputs.Linked == 0 || outputs.Copied != 0 {
		t.Errorf("%+v", outputs)
	}
	verify := func() error { return rsync{}.Verify(t.Context(), f.run, a, f.memo) }
	check(t, verify())
	check(t, os.Remove(base+"/target/new\nline\xff")) // replaced, not written to
	check(t, os.WriteFile(base+"/target/new\nline\xff", []byte("other"), 0o644))
	check(t, verify())
	check(t, os.WriteFile(base+"/target/etc/app.conf", []byte("written in place"), 0o644))
	if err := verify(); code(err) != "linked-file-changed" || !strings.Contains(err.Error(), `"etc/app.conf"`) {
		t.Error(err)
	}
}

// TestOthersMeanwhile: what hooks have done to the target since is undone too, and told.
func TestOthersMeanwhile(t *testing.T) {
	base, a := pair(t)
	a.Delete = true
	before := snapshot(t, base+"/target")
	f := newFrame(t, a)
	f.do()
	target := base + "/target"
	check(t, os.WriteFile(target+"/.x", []byte("replaced"), 0o600))
	check(t, os.Rename(target+"/.x", target+"/lib/app"))                // replaced by rename
	check(t, os.Remove(target+"/lib/link"))                             // removed
	check(t, os.WriteFile(target+"/gone too", []byte("again"), 0o600))  // made again
	check(t, os.WriteFile(target+"/lib/a/cache", []byte("new"), 0o600)) // made in a new directory
	check(t, os.RemoveAll(target+"/new\nline\xff"))                     // a new one removed
	f.run.Followed = true                                               // by programs of the run
	for range 2 {
		f.undo()
		differ(t, "undo", before, snapshot(t, target))
	}
	if !slices.ContainsFunc(f.lines.all, func(line string) bool { return strings.Contains(line, `"lib/app" in `) }) {
		t.Errorf("%q", f.lines.all)
	}
}

// TestKeptIsGone: an undo that cannot restore all says so, and restores the rest.
func TestKeptIsGone(t *testing.T) {
	base, a := pair(t)
	f := newFrame(t, a)
	f.do()
	for one, err := range changes(f.run.Directory) {
		check(t, err)
		if one.way == "lib/app" {
			check(t, os.Remove(f.memo.Hidden+"/"+one.staged))
		}
	}
	err := rsync{}.Undo(t.Context(), f.run, f.arguments, f.memo)
	if code(err) != "rsync-kept-gone" || !strings.Contains(err.Error(), `"lib/app"`) {
		t.Error(err)
	}
	if target, _ := os.Readlink(base + "/target/lib/link"); target != "elsewhere" {
		t.Error("the rest was not restored")
	}
}

// TestTargetChangesMeanwhile: what is replaced between the survey and the renames is not moved away unseen.
func TestTargetChangesMeanwhile(t *testing.T) {
	base, a := pair(t)
	f := newFrame(t, a)
	var err error
	f.memo, err = rsync{}.Prepare(t.Context(), f.run, a)
	check(t, err)
	s, err := openSite(f.run, f.memo)
	check(t, err)
	defer s.close()
	_, err = a.prepare(t.Context(), f.run, s)
	check(t, err)
	check(t, os.WriteFile(base+"/target/x", []byte("theirs"), 0o644))
	check(t, os.Rename(base+"/target/x", base+"/target/lib/app"))
	if err := carryOut(t.Context(), s); code(err) != "rsync-target-changed" {
		t.Error(err)
	}
	f.undo()
	if content, _ := os.ReadFile(base + "/target/lib/app"); string(content) != "theirs" {
		t.Errorf("%q", content)
	}
}

func TestHolesStayHoles(t *testing.T) {
	base := t.TempDir()
	check(t, os.Mkdir(base+"/source", 0o755))
	for _, target := range []string{base + "/target", mount(t, base+"/other") + "/target"} {
		file, err := os.Create(base + "/source/sparse")
		check(t, err)
		_, err = file.WriteAt([]byte("data"), 3<<20)
		check(t, err)
		check(t, file.Truncate(8<<20))
		check(t, file.Close())
		check(t, os.Truncate(base+"/source/sparse", 8<<20))
		newFrame(t, arguments{Source: base + "/source", Target: target}).do()
		var status unix.Stat_t
		check(t, unix.Stat(target+"/sparse", &status))
		if status.Size != 8<<20 || status.Blocks*512 > 64<<10 {
			t.Errorf("%s: %d bytes in %d blocks", target, status.Size, status.Blocks)
		}
		differ(t, target, snapshot(t, base+"/source"), snapshot(t, target))
	}
}

func TestPlans(t *testing.T) {
	base, a := pair(t)
	plan := func(a arguments) string {
		t.Helper()
		plan, err := rsync{}.Plan(t.Context(), step.Local{}, a)
		check(t, err)
		return strings.ReplaceAll(fmt.Sprintf("%v%q%q%v", plan.Nothing, plan.Do, plan.Undo, plan.Space), base, "")
	}
	a.Delete = true
	for _, one := range []struct {
		a    arguments
		want string
	}{
		{a, `false["make the contents of /target those of /source" "3 files to copy (4B)" "1 further names of these or other files" "1 new directories" "3 directories with other attributes" "6 entries to delete"]["put /target back as it was"]map[/target:4]`},
		{arguments{Source: base + "/source", Target: base + "/new/deep"}, `false["make the contents of /new/deep those of /source" "6 files to copy (13B)" "1 further names of these or other files" "6 new directories"]["remove /new/deep"]map[:13]`},
		{arguments{Source: base + "/none", Target: base + "/target"}, `false["make the contents of /target those of /none, which is not there yet"]["put /target back as it was"]map[]`},
		{arguments{Source: base + "/source", Target: base + "/source2", LinkDest: []value.Path{value.Path(base + "/source")}}, `false["make the contents of /source2 those of /source" "6 files to link to those of link-dest" "1 further names of these or other files" "6 new directories"]["remove /source2"]map[:0]`},
		{arguments{Source: "host:x", Target: base + "/target"}, `false["make the contents of /target those of host:x, by the rsync program"]["put /target back as it was"]map[]`},
	} {
		if got := plan(one.a); got != one.want {
			t.Errorf("got  %s\nwant %s", got, one.want)
		}
	}
	newFrame(t, a).do()
	if got := plan(a); got != `true["/target has what /source has"][]map[]` {
		t.Error(got)
	}
}

func FuzzManifest(f *testing.F) {
	dressing := attributes{mode: 0o4755, uid: 1, gid: 2, modified: unix.NsecToTimespec(-5_000_000_001), extended: []xattr.Attribute{{Name: "user.a", Value: []byte{0, 255}}, {Name: "user.b"}}}
	directory := f.TempDir()
	list, err := newManifest(directory)
	check(f, err)
	given := []change{{verb: swap, way: "a\n\t\xff/b", staged: "7", fresh: 1<<64 - 1, old: 3}, {verb: dress, before: dressing, after: attributes{}}, {verb: add, staged: "1"}}
	for _, one := range given {
		check(f, list.write(one))
	}
	check(f, list.seal())
	at := 0
	for one, err := range changes(directory) {
		if err != nil || fmt.Sprint(one) != fmt.Sprint(given[at]) {
			f.Errorf("%v, %v, wrote %v", one, err, given[at])
		}
		at++
	}
	raw, err := os.ReadFile(directory + "/" + manifestName)
	check(f, err)
	for line := range strings.SplitSeq(string(raw), "\n") {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if one, err := parseChange(line); err != nil && (one.verb != "" || code(err) != "rsync-manifest-damaged") {
			t.Errorf("%v, %v", one, err)
		}
	})
}

// TestNamesJoin: two files that are one in the source become one, where nothing else is to do.
func TestNamesJoin(t *testing.T) {
	base := t.TempDir()
	plant(t, base, map[string]string{"source/a": "x", "target/a": "x", "target/b": "x"})
	check(t, os.Link(base+"/source/a", base+"/source/b"))
	check(t, os.Chtimes(base+"/source", old, old))
	a := arguments{Source: base + "/source", Target: base + "/target"}
	if plan, err := (rsync{}).Plan(t.Context(), step.Local{}, a); err != nil || plan.Nothing {
		t.Error(plan, err)
	}
	before := snapshot(t, base+"/target")
	f := newFrame(t, a)
	f.do()
	f.undo()
	differ(t, "undo", before, snapshot(t, base+"/target"))
	f.do()
	f.release()
	differ(t, "done", snapshot(t, base+"/source"), snapshot(t, base+"/target"))
}

// TestInUse: a new release that the running link leads to is not removed, until the link leads elsewhere.
func TestInUse(t *testing.T) {
	base := t.TempDir()
	release(t, base+"/source")
	link := base + "/current"
	f := newFrame(t, arguments{Source: base + "/source", Target: base + "/target", LinkDest: []value.Path{value.Path(link)}})
	f.do()
	check(t, os.Symlink("target", link))
	var left *step.Leftover
	if err := (rsync{}).Undo(t.Context(), f.run, f.arguments, f.memo); !errors.As(err, &left) || code(err) != "release-in-use" {
		t.Error(err)
	}
	check(t, os.Remove(link))
	f.undo()
	if _, err := os.Lstat(base + "/target"); err == nil {
		t.Error("it is still there")
	}
}

// TestInUseBefore: a link that led to the target before there was one does not keep it.
func TestInUseBefore(t *testing.T) {
	base := t.TempDir()
	release(t, base+"/source")
	check(t, os.Symlink("target", base+"/current"))
	f := newFrame(t, arguments{Source: base + "/source", Target: base + "/target", LinkDest: []value.Path{value.Path(base + "/current")}})
	f.do()
	f.undo()
	if _, err := os.Lstat(base + "/target"); err == nil {
		t.Error("it is still there")
	}
}

// TestUndoOfWhatIsAway: a later step may have moved a new target, and not be undone yet: an undo that comes
// again knows it still.
func TestUndoOfWhatIsAway(t *testing.T) {
	base, a := pair(t)
	a.Target = base + "/fresh"
	f := newFrame(t, a)
	f.do()
	check(t, os.Rename(a.Target, base+"/away"))
	f.undo()
	check(t, os.Rename(base+"/away", a.Target))
	f.undo()
	if _, err := os.Lstat(a.Target); err == nil {
		t.Error("the target is still there")
	}
}
