package release

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/step"
)

// Keeps foresees which entries would stay, with the directories that were made for links.
func (linkTree) Keeps(ctx context.Context, run *step.Run, arguments linkTreeArguments, memo linkTreeMemo) (step.Keeping, error) {
	into, err := absolute(arguments.Into)
	if err != nil {
		return step.Keeping{}, err
	}
	ours := map[string]bool{}
	keeping := step.Keeping{Made: []string{}}
	err = memo.each(ctx, run.Folder, func(one change) error {
		ours[string(one.Path)] = true
		if one.Kind != makeFolder {
			keeping.Made = append(keeping.Made, string(one.Path))
		}
		return nil
	})
	if err != nil {
		return step.Keeping{}, err
	}
	stays := step.Later{Directory: into}
	err = memo.each(ctx, run.Folder, func(one change) error {
		if one.Kind != makeFolder {
			return nil
		}
		entries, _ := os.ReadDir(string(one.Path)) // a directory that is gone leaves nothing
		for _, entry := range entries {
			path := filepath.Join(string(one.Path), entry.Name())
			if ours[path] || run.Covered(path) {
				continue
			}
			way := strings.TrimPrefix(strings.TrimPrefix(path, into), "/")
			made.Add(&stays, "", step.Later{Directory: string(one.Path), Entries: []string{way}})
		}
		return nil
	})
	if len(stays.Entries) > 0 {
		keeping.Later = []step.Later{stays}
	}
	return keeping, err
}
