package release

import (
	"context"
	"errors"
	"io/fs"
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
	err = memo.each(ctx, run.Directory, func(one change) error {
		ours[string(one.Path)] = true
		if one.Kind != makeDirectory {
			keeping.Made = append(keeping.Made, string(one.Path))
		}
		return nil
	})
	if err != nil {
		return step.Keeping{}, err
	}
	in, err := memo.mirror(run)
	if errors.Is(err, fs.ErrNotExist) {
		return keeping, nil
	}
	if err != nil {
		return keeping, err
	}
	defer in.close()
	stays := step.Later{Directory: into}
	err = memo.each(ctx, run.Directory, func(one change) error {
		if one.Kind != makeDirectory {
			return nil
		}
		for _, entry := range in.names(one) {
			path := filepath.Join(string(one.Path), entry)
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

// names lists what is in a directory that was made. One that is gone, or is another one by now, leaves
// nothing.
func (p *mirror) names(one change) []string {
	at, err := p.of(one)
	if err != nil || at.dir == nil {
		return nil
	}
	made, err := at.dir.Sub(at.name)
	if err != nil {
		return nil
	}
	defer made.Close()
	names, _ := made.Names()
	return names
}
