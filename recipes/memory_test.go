package recipes_test

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// TestMemoryOfManyFiles copies and updates a tree of many files with the step rsync, half of which have a
// second name outside the tree, in at most 32 MiB. It has 30,000 files here; GWE_MEMORY_FILES=200000 tries
// another number.
func TestMemoryOfManyFiles(t *testing.T) {
	d := newDevice(t)
	files := 30_000
	if given := os.Getenv("GWE_MEMORY_FILES"); given != "" {
		if _, err := fmt.Sscan(given, &files); err != nil {
			t.Fatalf("GWE_MEMORY_FILES: %v", err)
		}
	}
	d.write("copy.yaml", "gwe: 1\nname: copy\ninputs:\n  source: { type: path, required: true }\n  target: { type: path, required: true }\n"+
		"steps:\n  - rsync: { source: \"${{ inputs.source }}\", target: \"${{ inputs.target }}\", delete: true }\n", 0o644)
	source := d.directory + "/source"
	name := func(i int) string { return fmt.Sprintf("%s/folder%03d/file-with-a-name-%06d", source, i%400, i) }
	for i := range files {
		if i < 400 {
			d.must("mkdir", "-p", fmt.Sprintf("%s/folder%03d", source, i), fmt.Sprintf("%s/other/folder%03d", d.directory, i))
		}
		err := os.WriteFile(name(i), nil, 0o644)
		if err == nil && i%2 == 0 {
			err = os.Link(name(i), fmt.Sprintf("%s/other/folder%03d/%d", d.directory, i%400, i))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, phase := range []string{"first copy", "update"} {
		d.gwe(0, "run", d.directory+"/copy.yaml", "-i", "source="+source, "-i", "target="+d.directory+"/target")
		if d.peak == 0 || d.peak > 32<<10 {
			t.Errorf("the %s took %d KiB of memory, want at most 32 MiB", phase, d.peak)
		}
		// Every file differs the next time.
		for i := range files {
			if err := os.Chtimes(name(i), time.Unix(1, 2), time.Unix(3, 4)); err != nil {
				t.Fatal(err)
			}
		}
	}
}
