package file

import (
	"context"

	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/steps/duplicate"
)

// copyPath is duplicate.Entry for two paths.
func copyPath(ctx context.Context, from, to string, change overrides, log *tasklog.Task) error {
	source, name, err := openat.OpenParent(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, other, err := openat.OpenParent(to)
	if err != nil {
		return err
	}
	defer target.Close()
	return duplicate.Entry(ctx, source, name, target, other, change.changes(), log, nil)
}
