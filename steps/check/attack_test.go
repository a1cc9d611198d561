package check_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/steps/check"
	"github.com/gwe-project/gwe/steps/steptest/attack"
)

// TestCheckUnderAttack: what only looks neither hangs nor changes anything, whatever it is led to.
func TestCheckUnderAttack(t *testing.T) {
	put := func(t testing.TB, work string) (file, sums string) {
		file, sums = filepath.Join(work, "sub/file"), filepath.Join(work, "sub/sums")
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		must(t, os.WriteFile(file, []byte("abc"), 0o644))
		must(t, os.WriteFile(sums, []byte(abcSHA256+"  file\n"), 0o644))
		return file, sums
	}
	for name, c := range map[string]attack.Case{
		"checksum": {Type: check.Checksum(), Parents: []string{".", "sub"}, Leaves: []string{"sub/file", "sub/sums"}, Looks: true,
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				file, sums := put(t, work)
				return attack.Arguments(t, check.Checksum(), map[string]any{"path": file, "sums": sums})
			}},
		"disk-space": {Type: check.DiskSpace(), Parents: []string{".", "sub"}, Leaves: []string{"sub/file"}, Looks: true,
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				file, _ := put(t, work)
				return attack.Arguments(t, check.DiskSpace(), map[string]any{"path": file})
			}},
		"wait-for a file": {Type: check.WaitFor(), Parents: []string{".", "sub"}, Leaves: []string{"sub/file"}, Looks: true,
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				file, _ := put(t, work)
				return attack.Arguments(t, check.WaitFor(), map[string]any{"file": file, "within": "50ms", "interval": "10ms"})
			}},
		"wait-for a command": {Type: check.WaitFor(), Parents: []string{".", "sub"}, Leaves: []string{"sub/program"}, Looks: true,
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				put(t, work)
				program := filepath.Join(work, "sub/program")
				must(t, os.WriteFile(program, []byte("#!/bin/sh\nexit 0\n"), 0o755))
				return attack.Arguments(t, check.WaitFor(), map[string]any{"command": []any{program}, "within": "10s", "interval": "10ms"})
			}},
	} {
		t.Run(name, func(t *testing.T) { attack.Run(t, c) })
	}
}
