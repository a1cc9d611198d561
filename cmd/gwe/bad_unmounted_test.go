package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// unmount takes a file system away; the directory it was mounted on stays.
func unmount(t *testing.T, point string) {
	t.Helper()
	if said, err := exec.Command("umount", point).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
}

func empty(t *testing.T, path string) {
	t.Helper()
	if entries, err := os.ReadDir(path); err != nil || len(entries) > 0 {
		t.Errorf("in %s there is %v, %v", path, entries, err)
	}
}

// TestNotMountedIsNoFirstInstallation: an update of a target whose file system is not mounted is refused by
// the plan and the run, as the run before knows that it should be.
func TestNotMountedIsNoFirstInstallation(t *testing.T) {
	for name, recipe := range map[string]string{
		"with a lock": "lock: [\"${{ inputs.data }}/app\"]\nsteps:\n  - mkdir: { path: \"${{ inputs.data }}/app\" }\n",
		"without one": "steps:\n  - write: { path: \"${{ inputs.data }}.log\", content: \"1\" }\n  - mkdir: { path: \"${{ inputs.data }}/app\" }\n",
	} {
		t.Run(name, func(t *testing.T) {
			d, data, kept, _ := dataDevice(t)
			file := d.recipe("install.yaml", "gwe: 1\nname: install\ninputs: { data: { type: path, required: true } }\n"+recipe+
				"  - write: { path: \"${{ inputs.data }}/app/version\", content: \"1\" }\n  - commit: ok\n")
			run := func(command string) outcome { return d.gwe(command, file, "-i", "data="+data) }
			run("run").said(t, 0)
			unmount(t, data)
			for _, command := range []string{"plan", "run"} {
				run(command).said(t, 6, "is not mounted on "+data, "mount "+data, "gwe forget")
				empty(t, data)
			}
			d.gwe("rollback").said(t, 6, "is not mounted on "+data, "then roll back again")
			d.gwe("rollback", "--dry-run").said(t, 6, "is not mounted on "+data, "then roll back again")
			mount(t, "--bind", kept, data)
			run("run").said(t, 0)
			run("plan").said(t, 0)

			// It may move to the root file system, where that is meant.
			unmount(t, data)
			runs := d.runs()
			d.gwe("forget", runs[len(runs)-1])
			run("run").said(t, 0)
			if _, err := os.Stat(data + "/app/version"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestUndoWithoutALockWaitsForTheMount: also without a lock nothing is undone on a file system that is not
// mounted, and all is later.
func TestUndoWithoutALockWaitsForTheMount(t *testing.T) {
	d, data, kept, _ := dataDevice(t)
	recipe := d.recipe("no-lock.yaml", `gwe: 1
name: no-lock
inputs: { data: { type: path, required: true } }
steps:
  - write: { path: "${{ inputs.data }}/file", content: new }
  - run: { argv: [sh, -c, "kill -9 $PPID"] }
    undo: [{ run: { argv: ["true"] } }]
`)
	d.gwe("run", recipe, "-i", "data="+data).said(t, 1009)
	unmount(t, data)
	for range 2 {
		d.gwe("recover").said(t, 5, "is not mounted")
		empty(t, data)
	}
	mount(t, "--bind", kept, data)
	d.gwe("recover").said(t, 0, "everything was rolled back")
	isOld(t, data)
}

// TestUndoMountsWhatItNeeds: a program of the recipe unmounts a file system, and its undo mounts it again:
// what older steps did there is undone after that.
func TestUndoMountsWhatItNeeds(t *testing.T) {
	d, data, kept, _ := dataDevice(t)
	recipe := d.recipe("remounts.yaml", `gwe: 1
name: remounts
inputs: { data: { type: path, required: true }, kept: { type: path, required: true } }
steps:
  - write: { path: "${{ inputs.data }}/file", content: new }
  - run: { argv: [umount, "${{ inputs.data }}"] }
    undo: [{ run: { argv: [mount, --bind, "${{ inputs.kept }}", "${{ inputs.data }}"] } }]
  - run: { argv: ["false"] }
    undo: none
    allow: { undo-missing: it fails }
`)
	d.gwe("run", recipe, "-i", "data="+data, "-i", "kept="+kept).said(t, 3)
	isOld(t, data)
}

// TestMountedFromAnotherPlace: a mount point within a file system that is not the root's either counts too.
func TestMountedFromAnotherPlace(t *testing.T) {
	d := newDevice(t)
	d.mount(d.root+"/outer", "size=1m", 0)
	inner := d.root + "/outer/inner"
	d.mount(inner, "size=1m", 0)
	check(t, os.WriteFile(inner+"/file", []byte("old"), 0o644))
	recipe := d.recipe("on-data.yaml", onData)
	d.gwe("run", recipe, "-i", "data="+inner).said(t, 0)
	unmount(t, inner)
	d.gwe("run", recipe, "-i", "data="+inner).said(t, 6, "is not mounted on "+inner)
	d.gwe("rollback").said(t, 6, "is not mounted on "+inner)
	empty(t, inner)
}

// TestMountedIsAskedFor: what a recipe says must be mounted is looked at before anything is done, and by plan
// too.
func TestMountedIsAskedFor(t *testing.T) {
	d, data, kept, _ := dataDevice(t)
	check(t, os.Mkdir(data+"/app", 0o755))
	steps := "steps:\n  - write: { path: \"${{ inputs.data }}/app/version\", content: \"1\" }\n  - commit: ok\n"
	for name, head := range map[string]string{
		"an input, anywhere":    "inputs: { data: { type: path, required: true, mounted: true } }\n",
		"an input, there":       "inputs: { data: { type: path, required: true, mounted: DATA } }\n",
		"a lock, anywhere":      "inputs: { data: { type: path, required: true } }\nlock: [{ path: \"${{ inputs.data }}/app\", mounted: true }]\n",
		"a lock, there":         "inputs: { data: { type: path, required: true } }\nlock: [{ path: \"${{ inputs.data }}/app\", mounted: DATA }]\n",
		"a lock, by an input":   "inputs: { data: { type: path, required: true }, on: { type: list<path>, default: [DATA] } }\nlock: [{ path: \"${{ inputs.data }}/app\", mounted: \"${{ inputs.on }}\" }]\n",
		"a lock, another mount": "inputs: { data: { type: path, required: true } }\nlock: [{ path: \"${{ inputs.data }}/app\", mounted: [DATA, KEPT] }]\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := d.recipe("asks.yaml", "gwe: 1\nname: asks\n"+strings.NewReplacer("DATA", data, "KEPT", kept).Replace(head)+steps)
			run := func(command string) outcome { return d.gwe(command, file, "-i", "data="+data) }
			d.gwe("validate", file).said(t, 0)
			run("plan").said(t, 0)
			unmount(t, data)
			check(t, os.MkdirAll(data+"/app", 0o755))
			before := len(d.runs())
			for _, command := range []string{"plan", "run"} {
				// The temporary directory of the test may be a mount of its own; then only the mount point by
				// name tells.
				if strings.Contains(head, "mounted: true") && mountOf(t, data) != "/" {
					break
				}
				run(command).said(t, 6, "mounted on "+data, "mount")
			}
			if len(d.runs()) != before {
				t.Error("a run began")
			}
			check(t, os.Remove(data+"/app"))
			mount(t, "--bind", kept, data)
			run("run").said(t, 0)
			d.gwe("forget", d.runs()[len(d.runs())-1])
		})
	}
}

// mountOf is the mount point that has a path.
func mountOf(t *testing.T, path string) string {
	t.Helper()
	said, err := exec.Command("findmnt", "--noheadings", "--output", "TARGET", "--target", path).Output()
	check(t, err)
	return strings.TrimSpace(string(said))
}

// TestMountedAtRecovery: a mount point that a lock asks for is asked for again before an undo, though a bind
// mount is not a file system of its own.
func TestMountedAtRecovery(t *testing.T) {
	d := newDevice(t)
	data, kept := d.root+"/data", d.root+"/kept"
	check(t, os.MkdirAll(data, 0o755))
	check(t, os.MkdirAll(kept, 0o755))
	check(t, os.WriteFile(kept+"/file", []byte("old"), 0o644))
	mount(t, "--bind", kept, data)
	t.Cleanup(func() { _ = exec.Command("umount", "-l", data).Run() })
	recipe := d.recipe("on-data.yaml", strings.Replace(onData, `lock: ["${{ inputs.data }}"]`, `lock: [{ path: "${{ inputs.data }}", mounted: true }]`, 1))
	d.gwe("run", recipe, "-i", "data="+data, "-i", "script=kill -9 $PPID").said(t, 1009)
	unmount(t, data)
	d.gwe("recover").said(t, 5, "is not mounted on "+data)
	empty(t, data)
	mount(t, "--bind", kept, data)
	d.gwe("recover").said(t, 0, "everything was rolled back")
	isOld(t, data)
}

// TestShippedRecipesAskForMounts: each recipe that works on a target asks for what its input names.
func TestShippedRecipesAskForMounts(t *testing.T) {
	d := newDevice(t)
	point := filepath.Join(d.root, "point")
	check(t, os.Mkdir(point, 0o755))
	for recipe, inputs := range map[string][]string{
		"ota":        {"package=" + d.root + "/none"},
		"ota-rsync":  {"source=/usr/share", "name=a"},
		"ota-django": {"package=" + d.root + "/none", `apps={"a": "b"}`},
		"rollback":   nil,
		"failsafe":   nil,
	} {
		arguments := []string{recipe, "-i", "target=" + point, "-i", "mounted=[" + point + "]"}
		for _, input := range inputs {
			arguments = append(arguments, "-i", input)
		}
		for _, command := range []string{"plan", "run"} {
			d.gwe(append([]string{command}, arguments...)...).said(t, 6, "nothing is mounted on "+point, "RequiresMountsFor="+point)
		}
		empty(t, point)
	}
}
