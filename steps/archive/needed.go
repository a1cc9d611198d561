package archive

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/bundle/index"
	"github.com/gwe-project/gwe/engine/openat"
)

// needed tells, by the numbers of the frames, which an installation beside the running release will read of
// the package. It reads the files of the release whose recorded identity does not fit, and large ones that
// have changed. An answer that time has made wrong costs a request, never a wrong byte.
func (j job) needed(ctx context.Context, found *bundle.Indexed, beside string, dir *openat.Dir) ([]bool, error) {
	_, selected, err := j.patterns()
	if err != nil {
		return nil, err
	}
	x, done := j.comparison(selected, beside, dir)
	defer done()
	needed, memory := make([]bool, len(found.Frames)), &indexEntries{}
	err = x.eachFile(ctx, found, func(e entry, one index.Entry) error {
		content := &indexContent{from: memory, entry: one}
		same, err := x.looks(ctx, e, content)
		if err != nil || same {
			return err
		}
		for i, end := found.Holding(one.At, one.Size); i < end; i++ {
			if _, has := content.has(found.Frames[i]); !has {
				needed[i] = true
			}
		}
		return nil
	})
	return needed, err
}

// looks reports whether the running release's file of the same path has the content that the index names.
// Where it is a large one that has not, content knows what parts of it are the same.
func (x *extraction) looks(ctx context.Context, e entry, content *indexContent) (same bool, err error) {
	handle, size := x.oldFile(e)
	if handle < 0 {
		return false, nil
	}
	defer unix.Close(handle)
	var status unix.Stat_t
	if unix.Fstat(handle, &status) != nil {
		return false, nil
	}
	if recorded, known := x.held.Find(content.entry.Path); known && recorded.Fits(&status) {
		if recorded.Sum == content.entry.Sum || size < partedFile {
			return recorded.Sum == content.entry.Sum, nil
		}
	}
	err = content.look(ctx, handle, size)
	return content.rest != nil, err
}
