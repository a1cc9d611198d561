package main_test

import (
	"os"
	"testing"
)

// TestHomeOfAnother: setpriv and sudo -u leave HOME as it was. That gwe cannot read there whether there are
// plugins keeps it from nothing, and is told where step types are listed.
func TestHomeOfAnother(t *testing.T) {
	d := newDevice(t)
	check(t, os.MkdirAll(d.root+"/.local/lib/gwe/steps", 0o755))
	check(t, os.Chmod(d.root+"/.local", 0o700))
	check(t, os.MkdirAll(d.state, 0o755))
	check(t, os.MkdirAll(d.root+"/own", 0o755))
	d.giveAway(d.state, d.root+"/own")
	recipe := d.recipe("own.yaml", "gwe: 1\nname: own\nsteps:\n  - write: { path: \""+d.root+"/own/closed\", content: secret, mode: \"0200\" }\n")
	d.asNobody("steps").said(t, 0, "warning", "HOME")
	d.asNobody("run", recipe).said(t, 0)
	// What it may not read itself is not taken for changed.
	d.asNobody("rollback").said(t, 0)
	if got := d.names("own"); len(got) > 0 {
		t.Errorf("there is %q", got)
	}
}
