package engine

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/schema"
)

// mountDemand is a lock with what must be mounted before the run begins.
type mountDemand struct{ lock, mounted dynamic }

// mountedInputs refuses inputs whose paths do not lie where they must be mounted.
func mountedInputs(declared []*schema.Input, inputs map[string]any) error {
	for _, input := range declared {
		if err := mountedInput(input, inputs[input.Name.Text]); err != nil {
			return err
		}
	}
	return nil
}

// mountedInput refuses the path of an input that is given, and does not lie on the mount that the recipe asks for.
func mountedInput(input *schema.Input, given any) error {
	path, _ := given.(string)
	if input.Mounted == "" || path == "" {
		return nil
	}
	what := "the input " + input.Name.Text
	if input.Mounted == schema.Anywhere {
		return durable.RequireMounted(what, path)
	}
	if err := durable.RequireMount(what, input.Mounted); err != nil {
		return err
	}
	if !runstate.LiesIn(path, input.Mounted) && !runstate.LiesIn(real(path), real(input.Mounted)) {
		return fault.New(fault.Refused, "not-mounted", "cannot use %s: %s does not lie on the mount point %s", what, path, input.Mounted).
			WithHint("give a path on what is mounted there")
	}
	return nil
}

// mounted refuses locks where what must be mounted is not. It returns by the path of the lock the mount points that have
// it: only these matter to an undo.
func (p *Program) mounted(names map[string]any) (map[string][]string, error) {
	kept := map[string][]string{}
	for _, demand := range p.mounts {
		lock, err := demand.lock.evaluate(names)
		if err != nil {
			return nil, fault.New(fault.Refused, "lock-invalid", "the name of a lock cannot be evaluated").WithCause(err)
		}
		asked, err := demand.mounted.evaluate(names)
		if err != nil {
			return nil, fault.New(fault.Refused, "lock-invalid", "what must be mounted for the lock %v cannot be evaluated", lock).WithCause(err)
		}
		path := filepath.Clean(fmt.Sprint(lock))
		points, err := mountsFor(path, asked)
		if err != nil {
			return nil, err
		}
		for _, point := range points {
			if point = real(point); runstate.LiesIn(real(path), point) && !slices.Contains(kept[path], point) {
				kept[path] = append(kept[path], point)
			}
		}
	}
	return kept, nil
}

// mountsFor returns the mount points that a lock asks for, and refuses where one is not mounted. asked is a bool, a path or a
// list of paths; an empty path asks for nothing.
func mountsFor(path string, asked any) (points []string, err error) {
	what := "the lock " + path
	switch asked := asked.(type) {
	case bool:
		if !asked {
			return nil, nil
		}
		if err := durable.RequireMounted(what, path); err != nil {
			return nil, err
		}
		point, err := durable.MountPoint(path)
		return []string{point}, err
	case string:
		points = []string{asked}
	case []any:
		for _, one := range asked {
			points = append(points, fmt.Sprint(one))
		}
	}
	points = slices.DeleteFunc(points, func(point string) bool { return point == "" })
	for _, point := range points {
		if !filepath.IsAbs(point) {
			return nil, fault.New(fault.Refused, "not-mounted", "cannot use %s: the mount point %q is not an absolute path", what, point).
				WithHint("write it from the root: /data")
		}
		if err := durable.RequireMount(what, point); err != nil {
			return nil, err
		}
	}
	return points, nil
}
