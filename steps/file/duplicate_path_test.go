package file

import (
	"context"

	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// duplicate is duplicateAt for two paths.
func duplicate(ctx context.Context, from, to string, change overrides, log *tasklog.Task) error {
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
	return duplicateAt(ctx, spot{source, name, from}, spot{target, other, to}, change, log, nil)
}
