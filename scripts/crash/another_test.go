//go:build amd64

package main

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/scripts/crash/trace"
	"github.com/gwe-project/gwe/scripts/gateway"
)

// TestAnotherGweIsKilled kills the gwe that a run is handed over to, alone and with the one that began the
// run.
func TestAnotherGweIsKilled(t *testing.T) {
	need.Root(t, "the machine of the campaigns gives files to others")
	base := t.TempDir()
	settings := settings{program: filepath.Join(base, "gwe")}
	if err := build(context.Background(), settings.program); err != nil {
		t.Fatal(err)
	}
	tracer := trace.Start()
	defer tracer.Close()
	s, clean, err := prepare(tracer, base, settings, gateway.SelfUpdates[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	defer clean()
	const point = "rename bin/gwe#1 by program 3"
	for how, want := range map[string]verdict{
		"kill-before": {Code: 3, End: "old"}, "kill-after": {Code: 3, End: "old"}, "EIO": {Code: 3, End: "old"},
		"kill-first-before": {Code: 128 + 9, End: "old"}, "kill-first-after": {Code: 128 + 9, End: "old"},
	} {
		if v := s.try([]disturbance{{how, point}}); v.Code != want.Code || v.End != want.End || len(v.Violations) > 0 {
			t.Errorf("%s %s: it ended with %d, and the machine is %s: %v\n%s", how, point, v.Code, v.End, v.Violations, v.said)
		}
	}
}
