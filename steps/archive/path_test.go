package archive

import (
	"context"
	"io"
	"os"
	"path/filepath"
)

// extract unpacks a tar stream into an empty directory.
func extract(ctx context.Context, source io.Reader, directory string, wanted options) (summary, patterns, error) {
	return extractFrom(ctx, entriesOfTar(source, wanted.limit), directory, wanted)
}

// extractFrom unpacks an archive into an empty directory.
func extractFrom(ctx context.Context, source entries, directory string, wanted options) (summary, patterns, error) {
	handle, err := os.Open(directory)
	if err != nil {
		return summary{}, nil, err
	}
	defer handle.Close()
	return extractTree(ctx, source, int(handle.Fd()), filepath.Dir(directory), wanted)
}
