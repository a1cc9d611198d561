package main_test

import (
	"os"
	"strings"
	"testing"
)

// TestUsedRounds: the undo of a step of a used recipe names the item of the round in which the recipe was
// used.
func TestUsedRounds(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	d.recipe("inner.yaml", "gwe: 1\nname: inner\ninputs: { path: { type: path, required: true } }\nsteps:\n  - mkdir: { path: \"${{ inputs.path }}\" }\n")
	got := d.gwe("run", d.recipe("r.yaml", "gwe: 1\nname: r\nsteps:\n  - for-each: ${{ [\"first\", \"second\"] }}\n    use: ./inner.yaml\n    with: { path: \""+d.root+"/${{ item }}\" }\n  - run: { script: \"exit 1\" }\n    effects: none\n"))
	got.said(t, 3, "mkdir (first)", "mkdir (second)")
	if strings.Contains(got.text, "(null)") {
		t.Error(got.text)
	}
	if _, err := os.Lstat(d.root + "/first"); err == nil {
		t.Error("it was not undone")
	}
}
