package main_test

import (
	"os"
	"testing"
)

// TestLargeFilesStayOut: of 100 MiB where a recipe or an input is wanted no more is read than a recipe or an
// input may have.
func TestLargeFilesStayOut(t *testing.T) {
	d := newDevice(t)
	takes := d.recipe("takes.yaml", "gwe: 1\nname: takes\ninputs:\n  word: { type: string, default: a }\nsteps:\n  - assert: { that: \"${{ inputs.word != '' }}\" }\n")
	large := d.root + "/large.yaml"
	check(t, os.WriteFile(large, []byte("# large\n"), 0o644))
	check(t, os.Truncate(large, 100<<20))
	check(t, os.Link(large, d.root+"/large.test.yaml"))

	used := func(code int, arguments ...string) int64 {
		ended := d.end(d.command(arguments...))
		ended.said(t, code)
		return ended.memory
	}
	usual := used(0, "validate", takes)
	for _, arguments := range [][]string{
		{"validate", large},
		{"test", d.root + "/large.test.yaml"},
		{"run", takes, "--inputs", large},
		{"run", takes, "-i", "word=@" + large},
	} {
		if memory := used(2, arguments...); memory > usual+50<<20 {
			t.Errorf("%v takes %d bytes, and %d without the large file", arguments, memory, usual)
		}
	}
}
