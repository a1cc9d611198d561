package runstate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/regular"
)

const (
	// comparedBytes bounds the files whose contents are compared; of larger ones size and time are.
	comparedBytes = 1 << 20
	// comparedEntries bounds the entries of a directory that the journal keeps by name.
	comparedEntries = 100
)

// The kinds of what can be at a path.
const (
	nothingThere   = "nothing"
	fileThere      = "file"
	directoryThere = "directory"
	linkThere      = "link"
	otherThere     = "other"
)

// BeforeRecord is what was at a path before the run changed it: what an undo of the whole run has to restore.
// It serves to tell an operator what is different, and no undo.
type BeforeRecord struct {
	Path string `json:"path"`
	Kind string `json:"kind"`
	// Mode has the twelve bits of the permissions.
	Mode  uint32 `json:"mode,omitempty"`
	Owner string `json:"owner,omitempty"`
	Link  string `json:"link,omitempty"`
	Size  int64  `json:"size,omitempty"`
	// Digest is the SHA-256 of a file that everybody may read. Of others, and of large ones, Modified takes
	// its place: a digest would give a short secret away.
	Digest   string    `json:"sha256,omitempty"`
	Modified time.Time `json:"modified,omitzero"`
	// Entries are the names in a directory but gwe's own, in order; Count is how many there are.
	Entries []string `json:"entries,omitempty"`
	Count   int      `json:"count,omitempty"`
}

// Difference is a path that is not as it was before the run.
type Difference struct {
	// Path is the path.
	Path string `json:"path"`
	// Was says for people what was there before the run.
	Was string `json:"was"`
	// Is says for people what is there now.
	Is string `json:"is"`
}

// LookAt describes what is at a path, and follows no link.
func LookAt(path string) (BeforeRecord, error) {
	seen := BeforeRecord{Path: path, Kind: nothingThere}
	status, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return seen, nil
	}
	if err != nil {
		return seen, err
	}
	system, ok := status.Sys().(*syscall.Stat_t)
	if !ok {
		return seen, errors.ErrUnsupported
	}
	seen.Owner = fmt.Sprintf("%d:%d", system.Uid, system.Gid)
	switch status.Mode().Type() {
	case fs.ModeSymlink:
		seen.Kind = linkThere
		seen.Link, err = os.Readlink(path)
	case fs.ModeDir:
		seen.Kind, seen.Mode = directoryThere, system.Mode&0o7777
		seen.Entries, seen.Count, err = entriesOf(path)
	case 0:
		seen.Kind, seen.Mode, seen.Size = fileThere, system.Mode&0o7777, status.Size()
		if seen.Mode&0o004 == 0 || seen.Size > comparedBytes {
			seen.Modified = status.ModTime().UTC()
			break
		}
		var content []byte
		content, err = regular.Read(path)
		seen.Digest = digestOf(content)
	default:
		seen.Kind, seen.Mode = otherThere, system.Mode&0o7777
	}
	return seen, err
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func entriesText(count int) string {
	if count == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", count)
}

// entriesOf lists a directory's entries but gwe's own.
func entriesOf(path string) (names []string, count int, err error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, 0, err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), durable.Prefix) {
			continue
		}
		if count++; count <= comparedEntries {
			names = append(names, entry.Name())
		}
	}
	return names, count, nil
}

// Differences compares the machine with what the run found before it changed it, in the order of the run.
func (p *StoredRun) Differences() []Difference {
	found := []Difference{}
	known := map[string]bool{}
	var earlier []BeforeRecord
	for _, f := range p.frames {
		for _, was := range f.before {
			if known[was.Path] {
				continue
			}
			known[was.Path] = true
			was.withEarlier(earlier)
			earlier = append(earlier, was)
			is, err := LookAt(was.Path)
			if err != nil {
				found = append(found, Difference{Path: was.Path, Was: was.kind(), Is: "unknown: " + err.Error()})
				continue
			}
			if one, differs := was.differs(is); differs {
				found = append(found, one)
			}
		}
	}
	return found
}

// withEarlier corrects the entries of a directory by what earlier looks found in it: steps of the run have
// changed those since.
func (r *BeforeRecord) withEarlier(looks []BeforeRecord) {
	if r.Kind != directoryThere || r.Count > comparedEntries {
		return
	}
	for _, look := range looks {
		if filepath.Dir(look.Path) != r.Path {
			continue
		}
		name := filepath.Base(look.Path)
		listed := slices.Contains(r.Entries, name)
		switch {
		case look.Kind == nothingThere && listed:
			r.Entries = without(r.Entries, []string{name})
			r.Count--
		case look.Kind != nothingThere && !listed:
			r.Entries = append(r.Entries, name)
			r.Count++
		}
	}
}

// differs says in what two looks at a path differ.
func (r BeforeRecord) differs(is BeforeRecord) (Difference, bool) {
	found := Difference{Path: r.Path}
	if r.Kind != is.Kind {
		found.Was, found.Is = r.kind(), is.kind()
		return found, true
	}
	var was, now []string
	compare := func(differ bool, before, after string) {
		if differ {
			was, now = append(was, before), append(now, after)
		}
	}
	compare(r.Link != is.Link, r.kind(), is.kind())
	compare(r.Mode != is.Mode, fmt.Sprintf("mode %04o", r.Mode), fmt.Sprintf("mode %04o", is.Mode))
	compare(r.Owner != is.Owner, "owner "+r.Owner, "owner "+is.Owner)
	compare(r.Size != is.Size, fmt.Sprintf("%d bytes", r.Size), fmt.Sprintf("%d bytes", is.Size))
	content := r.Digest != "" && is.Digest != "" && r.Digest != is.Digest
	modified := !r.Modified.IsZero() && !is.Modified.IsZero() && !r.Modified.Equal(is.Modified)
	compare(r.Size == is.Size && content, "content of SHA-256 "+short(r.Digest), "content of SHA-256 "+short(is.Digest))
	compare(r.Size == is.Size && modified, "last written "+r.Modified.Format(time.RFC3339), "last written "+is.Modified.Format(time.RFC3339))
	if r.Count <= comparedEntries && is.Count <= comparedEntries {
		gone, come := without(r.Entries, is.Entries), without(is.Entries, r.Entries)
		compare(len(gone) > 0, "with "+strings.Join(gone, ", "), "without "+strings.Join(gone, ", "))
		compare(len(come) > 0, "without "+strings.Join(come, ", "), "with "+strings.Join(come, ", "))
	} else {
		compare(r.Count != is.Count, entriesText(r.Count), entriesText(is.Count))
	}
	found.Was, found.Is = strings.Join(was, "; "), strings.Join(now, "; ")
	return found, len(was) > 0
}

// kind says in a few words what is there.
func (r BeforeRecord) kind() string {
	switch r.Kind {
	case linkThere:
		return "link to " + r.Link
	case fileThere:
		return fmt.Sprintf("file of %d bytes", r.Size)
	case directoryThere:
		return "directory with " + entriesText(r.Count)
	case otherThere:
		return "device, socket or FIFO"
	}
	return r.Kind
}

func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
}

func short(digest string) string { return digest[:min(len(digest), 12)] }
