package trial

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/schema"
)

// later is what the test's own script did between the commit and the rollback by hand: what the machine did
// meanwhile.
type later struct {
	// Made are the entries that it made or changed, as it left them.
	Made tree `json:"made"`
	// Removed are the paths that it removed.
	Removed map[string]bool `json:"removed"`
}

// rollBack lets gwe roll the run back by hand, when the script has done what the machine does meanwhile. A
// run that has not committed has nothing to roll back, and ends as it has ended.
func (r *report) rollBack(ctx context.Context, script string, global []string) error {
	runs, err := engine.State{Directory: stateDirectory}.List()
	if err != nil || len(runs) == 0 {
		return err
	}
	if status := runs[len(runs)-1].Status; status != engine.StatusDone && status != engine.StatusCommitted {
		return nil
	}
	r.Log += fmt.Sprintf("(then: %s)\n", schema.NextRollback)
	if err := os.Remove(faultFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if r.Later, err = r.meanwhile(ctx, script); err != nil {
		return err
	}
	_, err = r.gwe(ctx, append(global, "rollback"))
	return err
}

// meanwhile runs the script, and reports what it did.
func (r *report) meanwhile(ctx context.Context, script string) (*later, error) {
	before, err := snapshot(r.pass)
	if err != nil {
		return nil, err
	}
	if err := setUp(ctx, script); err != nil {
		return nil, err
	}
	after, err := snapshot(r.pass)
	if err != nil {
		return nil, err
	}
	did := &later{Made: tree{}, Removed: map[string]bool{}}
	for _, at := range paths(before, after) {
		is, there := after[at]
		switch {
		case !there:
			did.Removed[at] = true
		case !alike(at, before, after):
			did.Made[at] = is
		}
	}
	return did, nil
}

// lost reports what the machine had made or changed since the commit and the rollback deleted: it must be
// where it was, or in a directory that gwe moved it to.
func lost(r *report) []string {
	if r.Later == nil {
		return nil
	}
	var findings []string
	for _, at := range paths(r.Later.Made, nil) {
		one := r.Later.Made[at]
		if one.Kind != "directory" && !r.Later.holds(at, r.After) && !movedAside(one, r.After) {
			findings = append(findings, fmt.Sprintf("the rollback deleted %s, which came after the commit: %s", at, one))
		}
	}
	return findings
}

// holds reports whether a path is as the script left it.
func (l *later) holds(at string, is tree) bool {
	_, there := is[at]
	if l.Removed[at] {
		return !there
	}
	made, ok := l.Made[at]
	return ok && there && made.Kind == is[at].Kind && made.Digest == is[at].Digest && made.Target == is[at].Target
}

func movedAside(one entry, is tree) bool {
	for at, found := range is {
		if keptAside(at) && found.Kind == one.Kind && found.Digest == one.Digest && found.Target == one.Target {
			return true
		}
	}
	return false
}

// keptAside reports whether a path lies in a directory of gwe's that holds what came after a commit:
// .NAME.kept-RUN.
func keptAside(at string) bool {
	for ; at != "/" && at != "."; at = path.Dir(at) {
		if name := path.Base(at); strings.HasPrefix(name, ".") && strings.Contains(name, ".kept-") {
			return true
		}
	}
	return false
}

// withoutLater gives both trees without what came after the commit: a rollback leads back to what was before
// the run, and keeps that.
func (l *later) withoutLater(before, after tree) (tree, tree) {
	if l == nil {
		return before, after
	}
	left := [2]tree{{}, {}}
	for i, one := range []tree{before, after} {
		for at, found := range one {
			if !l.holds(at, after) && !keptAside(at) {
				left[i][at] = found
			}
		}
	}
	for at := range after {
		if _, came := l.Made[at]; !keptAside(at) && !(came && l.holds(at, after)) {
			continue
		}
		for above := path.Dir(at); above != "/"; above = path.Dir(above) { // the directories that hold it stay too
			if _, was := before[above]; !was {
				delete(left[1], above)
			}
		}
	}
	return left[0], left[1]
}
