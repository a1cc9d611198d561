package fetch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
)

// Clean removes the partial downloads of a directory, but those that a process works on. It gives how many
// there were, and their bytes. A directory that is not there has none.
func Clean(directory string) (count int, size int64, err error) {
	if _, err := os.Stat(directory); errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err := openDirectory(directory); err != nil {
		return 0, 0, err
	}
	names, err := os.ReadDir(directory)
	if err != nil {
		return 0, 0, durable.Explain(err, "cannot read the directory %s", directory)
	}
	for _, one := range names {
		name, is := strings.CutSuffix(one.Name(), partialSuffix)
		if !is {
			continue
		}
		path := filepath.Join(directory, name)
		file, _, err := lockPartial(path + partialSuffix)
		if err != nil {
			return count, size, durable.Explain(err, "cannot remove the partial download %s", path)
		}
		if file == nil {
			continue
		}
		p := &partial{path: path, file: file, note: note{Synced: 1}}
		if info, err := file.Stat(); err == nil {
			size += info.Size()
		}
		if err = durable.RemoveNotes(path + newSuffix); err == nil { // of a process that was killed
			err = p.discard()
		}
		p.Close()
		if err != nil {
			return count, size, err
		}
		count++
	}
	return count, size, nil
}
