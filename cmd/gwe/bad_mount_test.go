package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
)

// onData is a recipe that works on a file system of its own. Its script says what becomes of that, or of gwe;
// then it fails.
const onData = `gwe: 1
name: on-data
inputs:
  data: { type: path, required: true }
  script: { type: string, default: "true" }
lock: ["${{ inputs.data }}"]
steps:
  - write: { path: "${{ inputs.data }}/file", content: new }
  - run: { argv: [sh, -c, "${{ inputs.script }}"] }
    undo: [{ run: { argv: ["true"] } }]
  - when: inputs.script != "true"
    run: { argv: ["false"] }
    undo: none
  - commit: it is new
`

// dataDevice is a device with a file system at data, on which file is old. The same file system is at kept
// too.
func dataDevice(t *testing.T) (d *device, data, kept string, run func(script string) outcome) {
	t.Helper()
	d = newDevice(t)
	data, kept = d.root+"/data", d.root+"/kept"
	d.mount(data, "size=1m", 0)
	check(t, os.Mkdir(kept, 0o755))
	mount(t, "--bind", data, kept)
	t.Cleanup(func() { _ = exec.Command("umount", "-l", kept).Run() })
	check(t, os.WriteFile(data+"/file", []byte("old"), 0o644))
	recipe := d.recipe("on-data.yaml", onData)
	return d, data, kept, func(script string) outcome {
		return d.gwe("run", recipe, "-i", "data="+data, "-i", "script="+script)
	}
}

func mount(t *testing.T, arguments ...string) {
	t.Helper()
	need.Root(t, "it mounts")
	if said, err := exec.Command("mount", arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
}

// isOld tells that all was rolled back, and nothing is left.
func isOld(t *testing.T, data string) {
	t.Helper()
	entries, err := filepath.Glob(data + "/.gwe-*")
	check(t, err)
	content, err := os.ReadFile(data + "/file")
	check(t, err)
	if string(content) != "old" || len(entries) > 0 {
		t.Errorf("the file holds %q, and there is %q", content, entries)
	}
}

// TestRecoveryBeforeTheMount: a recovery that comes before the file system is mounted undoes nothing, and so
// the next one can.
func TestRecoveryBeforeTheMount(t *testing.T) {
	d, data, kept, run := dataDevice(t)
	run("kill -9 $PPID").said(t, 1009)
	check(t, exec.Command("umount", data).Run())
	d.gwe("recover").said(t, 5, "is not mounted", "RequiresMountsFor="+data)
	run("true").said(t, 5, "is not mounted")
	d.gwe("status").said(t, 5, "its recovery failed", "is not mounted", "RequiresMountsFor="+data)
	d.gwe("resolve", d.runs()[0], "--reason", "no time").said(t, 6, "it can be recovered", "is not mounted")
	mount(t, "--bind", kept, data)
	d.gwe("recover").said(t, 0, "everything was rolled back")
	isOld(t, data)
	run("true").said(t, 0)

	// Nor is a rollback begun.
	check(t, exec.Command("umount", data).Run())
	d.gwe("rollback").said(t, 6, "is not mounted")
	mount(t, "--bind", kept, data)
	d.gwe("rollback").said(t, 0)
	isOld(t, data)
}

// TestReadOnlyOnTheWayBack: a kernel that finds a file system damaged makes it read-only. A run that fails
// then, and a recovery, leave all as it is until it can be rolled back.
func TestReadOnlyOnTheWayBack(t *testing.T) {
	for name, end := range map[string]string{"alive": "", "dead": "; kill -9 $PPID"} {
		t.Run(name, func(t *testing.T) {
			d, data, _, run := dataDevice(t)
			ended := run("mount -o remount,ro " + data + end)
			if end == "" {
				ended.said(t, 5, "became read-only", "remount,rw")
			}
			d.gwe("recover").said(t, 5, "became read-only", "remount,rw")
			d.gwe("status").said(t, 5)
			mount(t, "-o", "remount,rw", data)
			d.gwe("recover").said(t, 0, "everything was rolled back")
			isOld(t, data)
			run("true").said(t, 0)
		})
	}
}

// TestReadOnlyWhileGroupIsPutBack: what a group did is rolled back in the middle of a run too, and nothing of
// that is tried then either.
func TestReadOnlyWhileGroupIsPutBack(t *testing.T) {
	for name, modifier := range map[string]string{
		"given up": "allow-failure: true", "rescued": `rescue: [{ run: { argv: ["true"] }, undo: none }]`, "tried again": "retry: { attempts: 2 }",
	} {
		t.Run(name, func(t *testing.T) {
			readOnlyBehind(t, `
  - steps:
      - write: { path: "${{ inputs.data }}/file", content: new }
      - run: { argv: [mount, -o, "remount,ro", "${{ inputs.data }}"] }
        undo: [{ run: { argv: ["true"] } }]
      - run: { argv: ["false"] }
        undo: none
    `+modifier)
		})
	}
}

// TestReadOnlyInTheMiddleOfTheWayBack: the undo that meets it is not over.
func TestReadOnlyInTheMiddleOfTheWayBack(t *testing.T) {
	readOnlyBehind(t, `
  - write: { path: "${{ inputs.data }}/file", content: new }
  - run: { argv: ["true"] }
    undo: [{ run: { argv: [mount, -o, "remount,ro", "${{ inputs.data }}"] } }]
  - run: { argv: ["false"] }
    undo: none`)
}

// readOnlyBehind runs a recipe that makes its file system read-only and fails; once that takes something
// again, all is rolled back.
func readOnlyBehind(t *testing.T, steps string) {
	t.Helper()
	d, data, _, _ := dataDevice(t)
	recipe := d.recipe("read-only.yaml", "gwe: 1\nname: read-only\ninputs: { data: { type: path, required: true } }\nlock: [\"${{ inputs.data }}\"]\nsteps:"+
		steps+"\n  - commit: it is new\n")
	d.gwe("run", recipe, "-i", "data="+data).said(t, 5, "became read-only", "remount,rw")
	d.gwe("status").said(t, 5)
	mount(t, "-o", "remount,rw", data)
	d.gwe("recover").said(t, 0, "everything was rolled back")
	isOld(t, data)
}

// TestMountedWithin: a script mounts data within what a step has made, or has moved away. Where that is
// thrown away, the data stays, and what is left goes when it is unmounted.
func TestMountedWithin(t *testing.T) {
	for name, one := range map[string]struct {
		step, at string
		commits  bool
	}{
		"extract":        {`extract: { archive: ROOT/new.tar, to: ROOT/target/new, strip: 1, unverified: allow }`, "new/within", false},
		"extract-on-top": {`extract: { archive: ROOT/new.tar, to: ROOT/target/new, strip: 1, unverified: allow }`, "new", false},
		"rsync":          {`rsync: { source: ROOT/from/new, target: ROOT/target/new }`, "new/within", false},
		"rsync-on-top":   {`rsync: { source: ROOT/from/new, target: ROOT/target/new }`, "new", false},
		"prune":          {`prune: { dir: ROOT/target, keep: 1 }`, ".gwe-*/within", true},
		"remove":         {`remove: { path: ROOT/target/old }`, ".gwe-*/within", true},
	} {
		t.Run(name, func(t *testing.T) {
			need.Root(t, "its recipe mounts")
			d := newDevice(t)
			for _, directory := range []string{"data", "from/new/within", "target/old/within", "target/older/within"} {
				check(t, os.MkdirAll(filepath.Join(d.root, directory), 0o755))
			}
			check(t, os.WriteFile(d.root+"/data/precious", nil, 0o644))
			if said, err := exec.Command("tar", "-C", d.root+"/from", "-cf", d.root+"/new.tar", "new").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			recipe := "gwe: 1\nname: mounts\nsteps:\n  - " + one.step + "\n" +
				"  - run: { script: mount --bind ROOT/data ROOT/target/" + one.at + " }\n    undo: none\n"
			if !one.commits {
				recipe += "  - run: { argv: [\"false\"] }\n    undo: none\n"
			}
			before := d.names("target")
			ended := d.gwe("run", d.recipe("mounts.yaml", strings.ReplaceAll(recipe, "ROOT", d.root)))
			t.Cleanup(d.unmount)
			if one.commits {
				ended.said(t, 0)
				d.gwe("forget", d.runs()[0]).said(t, 1, "something is mounted on")
			} else {
				ended.said(t, 3, "something is mounted on", "umount "+d.root)
			}
			d.gwe("recover").said(t, 0)
			if got := d.names("data"); !slices.Equal(got, []string{"precious"}) {
				t.Errorf("of the data there is %q", got)
			}
			d.unmount()
			d.gwe("recover").said(t, 0)
			if got := d.names("target"); one.commits && len(got) != 1 || !one.commits && !slices.Equal(got, before) {
				t.Errorf("the target has %q, and had %q", got, before)
			}
		})
	}
}

// TestBindMountInTheTarget: no rename leads into it, though its file system is the target's own.
func TestBindMountInTheTarget(t *testing.T) {
	d := newDevice(t)
	for _, directory := range []string{"data", "from/within", "target/within"} {
		check(t, os.MkdirAll(filepath.Join(d.root, directory), 0o755))
	}
	check(t, os.WriteFile(d.root+"/data/precious", nil, 0o644))
	mount(t, "--bind", d.root+"/data", d.root+"/target/within")
	t.Cleanup(d.unmount)
	recipe := strings.ReplaceAll("gwe: 1\nname: binds\nsteps:\n  - rsync: { source: ROOT/from, target: ROOT/target, delete: true }\n", "ROOT", d.root)
	d.gwe("run", d.recipe("binds.yaml", recipe)).said(t, 6, `mounted in the target at "within"`)
}

// names lists a directory of the device.
func (d *device) names(directory string) []string {
	d.Helper()
	entries, err := os.ReadDir(filepath.Join(d.root, directory))
	check(d, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// unmount takes away all that is mounted in the device's target.
func (d *device) unmount() {
	table, err := os.ReadFile("/proc/self/mountinfo")
	check(d, err)
	for line := range strings.Lines(string(table)) {
		if point := strings.Fields(line)[4]; strings.HasPrefix(point, d.root+"/target/") {
			check(d, exec.Command("umount", point).Run())
		}
	}
}
