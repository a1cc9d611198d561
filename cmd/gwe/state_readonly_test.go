package main_test

import (
	"syscall"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
)

// TestReadOnlyState: where the state directory became read-only, recover and status name the run that waits,
// say why, and what to do.
func TestReadOnlyState(t *testing.T) {
	t.Parallel()
	need.Root(t, "it mounts")
	d := newDevice(t)
	d.gwe("run", d.dying("died", d.target, d.target+"/file")) // it is killed
	run := newest(d.state)
	d.bind(d.state, d.state)
	check(t, syscall.Mount("", d.state, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""))
	for _, command := range []string{"recover", "status"} {
		d.gwe(command).said(t, 5, "cannot recover run "+run+" of died", "read-only file system", "remount,rw", "then run `gwe recover`")
	}
	d.gwe("status", "--output", "json").said(t, 5, `"code": "recovery-unwritable"`)
	check(t, syscall.Mount("", d.state, "", syscall.MS_REMOUNT|syscall.MS_BIND, ""))
	d.gwe("recover").said(t, 0)
	d.gwe("status").said(t, 0)
	if d.content(d.target+"/file") != "-" {
		t.Error("it was not rolled back")
	}
	// With nothing to recover, status only says that no run can begin.
	check(t, syscall.Mount("", d.state, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""))
	d.gwe("status").said(t, 0, "cannot be used", "read-only file system")
}
