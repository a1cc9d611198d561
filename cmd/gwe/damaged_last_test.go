package main_test

import (
	"os"
	"testing"
)

// TestRollbackOfADamagedRun: gwe rollback without an id means the newest run. Where its journal is damaged
// that is said, whether or not an older one can be rolled back.
func TestRollbackOfADamagedRun(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	spoil := func(id string) {
		path := d.state + "/runs/" + id + "/journal"
		text, err := os.ReadFile(path)
		check(t, err)
		text[len(text)/2] ^= 1
		check(t, os.WriteFile(path, text, 0o600))
	}
	d.gwe("run", d.changing("first", d.target, d.target+"/first")).said(t, 0)
	first := newest(d.state)
	text, err := os.ReadFile(d.state + "/runs/" + first + "/journal")
	check(t, err)
	spoil(first)
	for _, arguments := range [][]string{{"rollback"}, {"rollback", "--dry-run"}} {
		d.gwe(arguments...).said(t, 6, first, "damaged", "gwe resolve "+first)
	}
	check(t, os.WriteFile(d.state+"/runs/"+first+"/journal", text, 0o600))

	check(t, os.Mkdir(d.root+"/elsewhere", 0o755))
	d.gwe("run", d.changing("second", d.root+"/elsewhere", d.root+"/elsewhere/file")).said(t, 0)
	second := newest(d.state)
	spoil(second)
	d.gwe("rollback").said(t, 6, second, "damaged", "these runs can be rolled back: "+first)
	if d.content(d.target+"/first") != "first" {
		t.Error("another run was rolled back")
	}
	d.gwe("rollback", first).said(t, 0)
	d.gwe("resolve", second, "--reason", "looked at").said(t, 0)
	d.gwe("rollback").said(t, 6, "no run in")
}
