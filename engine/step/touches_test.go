package step

import (
	"context"
	"slices"
	"testing"

	"github.com/gwe-project/gwe/engine/value"
)

type touching struct{}

type touched struct {
	Path value.Path `name:"path" required:"true" help:"the file"`
}

func (touching) Plan(context.Context, Machine, touched) (Plan, error)     { return Plan{}, nil }
func (touching) Prepare(context.Context, *Run, touched) (struct{}, error) { return struct{}{}, nil }
func (touching) Do(context.Context, *Run, touched, struct{}) (struct{}, error) {
	return struct{}{}, nil
}
func (touching) Undo(context.Context, *Run, touched, struct{}) error { return nil }
func (touching) Touches(_ *Run, arguments touched, _ struct{}) ([]string, error) {
	return []string{string(arguments.Path)}, nil
}

// TestTouchesGetsItsArguments: they are read by the types of the step type, as those of every other method.
func TestTouchesGetsItsArguments(t *testing.T) {
	made := New(About{Name: "touching"}, touching{})
	paths, ok, err := made.(ToucherType).Touches(&Run{}, map[string]any{"path": "/etc/app.conf"}, []byte("{}"))
	if err != nil || !ok || !slices.Equal(paths, []string{"/etc/app.conf"}) {
		t.Errorf("it touches %q, %v, %v", paths, ok, err)
	}
}
