package main_test

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
)

// TestHostileArchives: a package that the vendor signed, and that still must not be unpacked. Everything is
// rolled back.
func TestHostileArchives(t *testing.T) {
	d := newDevice(t)
	outside := filepath.Join(d.root, "outside")
	check(t, os.WriteFile(outside, []byte("not to be touched"), 0o644))
	asBefore := d.holds()
	for name, test := range map[string]struct {
		items []item
		words []string
	}{
		"dot dot":                 {release("fw-2", item{name: "fw-2/../../outside", content: "x"}), []string{`".."`, "fw-2/../../outside"}},
		"dot dot, behind":         {release("fw-2", item{name: "fw-2/a/..", content: "x"}), []string{`".."`}},
		"absolute":                {release("fw-2", item{name: outside, content: "x"}), []string{"absolute", outside}},
		"link out":                {release("fw-2", item{name: "fw-2/out", link: "../../outside", kind: tar.TypeSymlink}), []string{"leads out", "fw-2/out"}},
		"absolute link":           {release("fw-2", item{name: "fw-2/out", link: outside, kind: tar.TypeSymlink}), []string{"leads out", "fw-2/out"}},
		"through a link":          {release("fw-2", item{name: "fw-2/out", link: "share", kind: tar.TypeSymlink}, item{name: "fw-2/out/x", content: "x"}), []string{"below", "symbolic link"}},
		"hard link out":           {release("fw-2", item{name: "fw-2/out", link: "../outside", kind: tar.TypeLink}), []string{"hard link"}},
		"hard link, absolute":     {release("fw-2", item{name: "fw-2/out", link: outside, kind: tar.TypeLink}), []string{"hard link"}},
		"hard link to the old":    {release("fw-2", item{name: "fw-2/out", link: "fw-1/program", kind: tar.TypeLink}), []string{"hard link", "fw-1/program"}},
		"hard link up to the old": {release("fw-2", item{name: "fw-2/out", link: "fw-2/../fw-1/program", kind: tar.TypeLink}), []string{"hard link"}},
		"hard link to current":    {release("fw-2", item{name: "fw-2/out", link: "current/program", kind: tar.TypeLink}), []string{"hard link"}},
		"character device":        {release("fw-2", item{name: "fw-2/null", kind: tar.TypeChar}), []string{"device", "hook"}},
		"block device":            {release("fw-2", item{name: "fw-2/disk", kind: tar.TypeBlock}), []string{"device", "hook"}},
		"fifo":                    {release("fw-2", item{name: "fw-2/pipe", kind: tar.TypeFifo}), []string{"FIFO", "hook"}},
		"file twice":              {release("fw-2", item{name: "fw-2/program", content: "x"}), []string{"twice", "fw-2/program"}},
		"directory over file":     {release("fw-2", item{name: "fw-2/program/"}), []string{"fw-2/program"}},
		"file over directory":     {release("fw-2", item{name: "fw-2/share", content: "x"}), []string{"twice", "fw-2/share"}},
		"link over file":          {release("fw-2", item{name: "fw-2/program", link: "share", kind: tar.TypeSymlink}), []string{"twice"}},
		"directory twice":         {release("fw-2", item{name: "fw-2/share/"}), []string{"twice"}},
		"two directories":         {release("fw-2", item{name: "fw-3/"}), []string{"one directory", "fw-2", "tar c -C"}},
		"a file beside":           {release("fw-2", item{name: "README", content: "x"}), []string{"one directory", "README"}},
		"the running release":     {release("fw-2", item{name: "fw-1/program", content: "x"}), []string{"one directory"}},
		"only a file":             {[]item{{name: "fw-2", content: "x"}}, []string{"one directory"}},
		"named current":           {release("current"), []string{`"current" is not a name for a release`, "another name"}},
		"named failsafe":          {release("failsafe"), []string{`"failsafe" is not a name for a release`, "another name"}},
		"named as ours":           {release(".gwe-x"), []string{"gwe's own", "another name"}},
		"named ..":                {release(".."), []string{`".."`}},
		"nothing":                 {nil, []string{"holds no directory"}},
		"deep":                    {release("fw-2", item{name: "fw-2/" + strings.Repeat("d/", 1000)}), []string{"too deep"}},
		"long name":               {release("fw-2", item{name: "fw-2/" + strings.Repeat("n", 300)}), []string{"too long"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := *d
			d.TB = t
			d.update(d.packItems("fw-2", test.items...)).said(t, 3, append(test.words, "everything was rolled back", "hint: ")...)
		})
	}
	asBefore()
	d.running("fw-1")
	if content, err := os.ReadFile(outside); err != nil || string(content) != "not to be touched" {
		t.Errorf("outside the target: %q, %v", content, err)
	}
}

// TestBrokenArchives: what is signed is not a sound tar, or far too much of one.
func TestBrokenArchives(t *testing.T) {
	d := newDevice(t)
	sound := archive(t, release("fw-2")...)
	pieces := archive(t, release("fw-2")[:3]...)
	var header bytes.Buffer
	const huge = 1<<30 + 1<<20
	check(t, tar.NewWriter(&header).WriteHeader(&tar.Header{Name: "fw-2/zeros", Size: huge, Typeflag: tar.TypeReg}))
	asBefore := d.holds()
	for name, test := range map[string]struct {
		stream io.Reader
		words  []string
	}{
		"text":            {strings.NewReader(strings.Repeat("no archive\n", 1000)), []string{"no sound archive", "pack the package again"}},
		"cut":             {bytes.NewReader(sound[:len(sound)/2]), []string{"pack the package again"}},
		"cut between two": {bytes.NewReader(pieces[:len(pieces)-1024]), []string{"pack the package again"}},
		"two archives":    {io.MultiReader(bytes.NewReader(sound), bytes.NewReader(sound)), []string{"after the end", "pack the package again"}},
		"bomb":            {io.MultiReader(&header, io.LimitReader(zeros{}, huge+1024)), []string{"unpacks to more", "max-size"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := *d
			d.TB = t
			path := d.pack("fw-2", test.stream)
			ended := d.update(path)
			ended.said(t, 3, append(test.words, "everything was rolled back", "hint: ")...)
			if ended.memory > mostMemory {
				t.Errorf("it took %d bytes of memory", ended.memory)
			}
			check(t, os.Remove(path))
		})
	}
	asBefore()
	d.running("fw-1")
}

type zeros struct{}

func (zeros) Read(into []byte) (int, error) {
	clear(into)
	return len(into), nil
}

// TestNamesTaken: two packages of one name do not get in each other's way.
func TestNamesTaken(t *testing.T) {
	d := newDevice(t)
	first := d.packItems("fw-2", release("fw-2")...)
	d.update(first).said(t, 0, "path: "+d.target+"/fw-2\n")
	second := d.packItems("other", release("fw-2", item{name: "fw-2/more", content: "x"})...)
	d.update(second, "-i", "keep=3").said(t, 0, "path: "+d.target+"/fw-2-1\n")
	d.running("fw-2-1", ".pre-install of fw-2", ".post-install of fw-2", ".pre-install of fw-2", ".post-install of fw-2")
	for _, name := range []string{"fw-1", "fw-2", "fw-2-1"} {
		if _, err := os.Stat(filepath.Join(d.target, name, "program")); err != nil {
			t.Error(err)
		}
	}
	d.clean()
}

// TestTargets: a target that cannot take a release.
func TestTargets(t *testing.T) {
	directory := func(t *testing.T, d *device, path string) {
		check(t, os.RemoveAll(path))
		check(t, os.Mkdir(path, 0o755))
		check(t, os.WriteFile(path+"/precious", []byte("precious"), 0o644))
	}
	for name, test := range map[string]struct {
		arrange func(t *testing.T, d *device)
		code    int
		words   []string
	}{
		"current is a directory": {func(t *testing.T, d *device) { directory(t, d, d.target+"/current") },
			6, []string{"current", "not a symbolic link"}},
		"current is a file": {func(t *testing.T, d *device) {
			check(t, os.Remove(d.target+"/current"))
			check(t, os.WriteFile(d.target+"/current", []byte("fw-1"), 0o644))
		}, 6, []string{"current", "not a symbolic link"}},
		"current leads in a circle": {func(t *testing.T, d *device) {
			check(t, os.Remove(d.target+"/current"))
			check(t, os.Symlink("current", d.target+"/current"))
		}, 6, []string{"current"}},
		"target is a file": {func(t *testing.T, d *device) {
			check(t, os.RemoveAll(d.target))
			check(t, os.WriteFile(d.target, []byte("precious"), 0o644))
		}, 6, []string{d0 + "/opt"}},
		"target is missing": {func(t *testing.T, d *device) {
			d.target += "/not/yet"
			check(t, os.MkdirAll(filepath.Dir(filepath.Dir(d.target)), 0o755))
		},
			6, []string{"mkdir -p"}},
		"immutable": {func(t *testing.T, d *device) {
			need.Root(t, "it sets an attribute of a file system")
			if out, err := exec.Command("chattr", "+i", d.target).CombinedOutput(); err != nil {
				t.Fatalf("chattr: %v %s", err, out)
			}
			t.Cleanup(func() { check(t, exec.Command("chattr", "-i", d.target).Run()) })
		}, 6, []string{"lsattr"}},
		"read-only": {func(t *testing.T, d *device) {
			need.Root(t, "it mounts")
			check(t, exec.Command("mount", "--bind", d.target, d.target).Run())
			t.Cleanup(func() { check(t, exec.Command("umount", d.target).Run()) })
			check(t, exec.Command("mount", "-o", "remount,bind,ro", d.target).Run())
		}, 6, []string{"writ"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDevice(t)
			path := d.packItems("fw-2", release("fw-2")...)
			target := d.target
			test.arrange(t, d)
			asked := d.target
			d.target = target
			asBefore := d.holds()
			d.target = asked
			for i, word := range test.words {
				test.words[i] = strings.ReplaceAll(word, d0, d.root)
			}
			d.update(path).said(t, test.code, append(test.words, "hint: ")...)
			d.target = target
			asBefore()
		})
	}
}

// d0 stands for the device's directory in a table.
const d0 = "ROOT"

// TestTargetOfOthers: a target that belongs to somebody else.
func TestTargetOfOthers(t *testing.T) {
	d := newDevice(t)
	path := d.packItems("fw-2", release("fw-2")...)
	d.giveAway(d.root) // for the state directory
	asBefore := d.holds()
	d.asNobody(d.updating(path)...).said(t, 6, d.target, "as a user who may write")
	asBefore()
}

// TestFullDisk: a file system without room for the release, and without room for the hook's files.
func TestFullDisk(t *testing.T) {
	for name, test := range map[string]struct {
		options string
		items   []item
		words   []string
	}{
		"bytes":  {"size=1m", release("fw-2", item{name: "fw-2/large", content: strings.Repeat("large", 1<<20)}), []string{"df"}},
		"inodes": {"nr_inodes=24", release("fw-2", many(40)...), []string{"df -i"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDevice(t)
			check(t, os.RemoveAll(d.target))
			d.mount(d.target, test.options, 0)
			d.layOut()
			path := d.packItems("fw-2", test.items...)
			asBefore := d.holds()
			d.update(path).said(t, 3, append(test.words, "no space left", "everything was rolled back")...)
			asBefore()
			d.running("fw-1")
			d.update(d.packItems("fw-2", release("fw-2")...)).said(t, 0)
			d.clean()
		})
	}
}

func many(count int) []item {
	var items []item
	for range count {
		items = append(items, item{name: "fw-2/" + strings.Repeat("i", len(items)+1)})
	}
	return items
}
