package archive

import (
	"archive/tar"
	"errors"
	"io"

	"github.com/gwe-project/gwe/engine/fault"
)

// tarEntries reads a tar stream.
type tarEntries struct {
	source *limited
	form   *tarForm
	// headers counts those that archive/tar has found.
	headers int
	reader  *tar.Reader
	// content is that of the present entry.
	content io.Reader
}

// entriesOfTar gives the entries of a tar stream that may not be longer than limit.
func entriesOfTar(source io.Reader, limit int64) *tarEntries {
	bounded := &limited{source: source, left: limit}
	form := &tarForm{source: bounded}
	reader := tar.NewReader(form)
	return &tarEntries{source: bounded, form: form, reader: reader, content: fault.Contained(tarLibrary, reader)}
}

func (t *tarEntries) next() (*tar.Header, io.Reader, error) {
	for {
		before := t.source.read
		header, err := t.header()
		if err == io.EOF {
			if err := t.end(before); err != nil {
				return nil, nil, err
			}
		}
		if err != nil {
			return nil, nil, err
		}
		if t.headers++; t.headers != t.form.headers {
			return nil, nil, t.form.ambiguous("a header stands where others see content")
		}
		switch header.Typeflag {
		case typeVolumeLabel:
			continue
		case typeDumpDirectory:
			header.Typeflag = tar.TypeDir // its content lists what was in it when it was packed
		case tar.TypeCont:
			header.Typeflag = tar.TypeReg // POSIX: as a regular file, where there is nothing contiguous
		case typeContinued:
			return nil, nil, refuse(header, "archive-entry-type", "it continues a file of another volume").
				WithHint("pack it again as one archive, without --multi-volume")
		}
		return header, t.content, nil
	}
}

// These are GNU tar's own types.
const (
	typeVolumeLabel   = 'V'
	typeDumpDirectory = 'D'
	typeContinued     = 'M'
)

// tarLibrary and zipLibrary are what the errors of a panic call the libraries.
const (
	tarLibrary = "archive/tar"
	zipLibrary = "archive/zip"
)

func (t *tarEntries) header() (header *tar.Header, err error) {
	defer fault.Contain(tarLibrary, &err)
	return t.reader.Next()
}

// end checks what follows the last entry. Before the end mark only the padding of the last file may have been
// read: an archive that breaks off between two entries, as a full disk of the build host leaves it, would
// pass for a whole one.
func (t *tarEntries) end(before int64) error {
	const block = 512
	if padded := (before + block - 1) / block * block; t.source.read < padded+block {
		if t.source.read == 0 {
			return fault.New(fault.Failed, "archive-empty", "the archive is empty").WithHint("pack the package again")
		}
		return fault.New(fault.Failed, "archive-damaged", "the archive breaks off: its end mark is missing").
			WithHint("pack the package again, and see that tar ends well")
	}
	buffer := make([]byte, 64*block)
	for {
		n, err := t.source.Read(buffer)
		for _, b := range buffer[:n] {
			if b != 0 && t.headers == 0 {
				return fault.New(fault.Failed, "package-not-an-archive", "it is not an archive that gwe reads: it begins with zeros").
					WithHint("an image of a disk or a file system is not an archive; a download that was broken off may leave zeros too: fetch it again")
			}
			if b != 0 {
				return trailing()
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return damaged(err)
		}
	}
}

// trailing is the fault for more bytes than the archive has.
func trailing() error {
	return fault.New(fault.Failed, "archive-trailing-data", "there is more data after the end of the archive").
		WithHint("pack the package again as one archive")
}
