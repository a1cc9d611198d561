package program

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/value"
)

// LockNames evaluates the recipe's locks. A recipe without one has its own name: its runs are one line of
// commits.
func LockNames(p *Program, names map[string]any) ([]string, error) {
	if len(p.locks) == 0 {
		return []string{"recipe " + p.Name()}, nil
	}
	var evaluated []string
	for _, lock := range p.locks {
		name, err := lock.Evaluate(names)
		if err != nil {
			return nil, fault.New(fault.Refused, "lock-invalid", "the name of a lock cannot be evaluated").WithCause(err)
		}
		evaluated = append(evaluated, value.Text(name))
	}
	return evaluated, nil
}

// mountDemand is a lock with what must be mounted before the run begins.
type mountDemand struct{ lock, mounted Dynamic }

// Mounted refuses locks where what must be mounted is not. It returns by the path of the lock the mount
// points that have it: only these matter to an undo.
func Mounted(p *Program, names map[string]any) (map[string][]string, error) {
	kept := map[string][]string{}
	for _, demand := range p.mounts {
		lock, err := demand.lock.Evaluate(names)
		if err != nil {
			return nil, fault.New(fault.Refused, "lock-invalid", "the name of a lock cannot be evaluated").WithCause(err)
		}
		asked, err := demand.mounted.Evaluate(names)
		if err != nil {
			return nil, fault.New(fault.Refused, "lock-invalid", "what must be mounted for the lock %v cannot be evaluated", lock).WithCause(err)
		}
		path := filepath.Clean(fmt.Sprint(lock))
		points, err := mountsFor(path, asked)
		if err != nil {
			return nil, err
		}
		for _, point := range points {
			if point = runstate.Real(point); runstate.LiesIn(runstate.Real(path), point) && !slices.Contains(kept[path], point) {
				kept[path] = append(kept[path], point)
			}
		}
	}
	return kept, nil
}

// mountsFor returns the mount points that a lock asks for, and refuses where one is not mounted. asked is a
// bool, a path or a list of paths; an empty path asks for nothing.
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
