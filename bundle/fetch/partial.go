package fetch

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/engine/pace"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/trust"
)

const (
	partialSuffix = ".part"
	noteSuffix    = ".note"
	newSuffix     = ".note-new"
	// syncEvery is after how many bytes the content is made durable, for a power cut.
	syncEvery = 32 << 20
	// syncAfter is after how long it is too, on a slow line.
	syncAfter = time.Minute
	// lockEvery is how often a partial file that another process holds is asked for.
	lockEvery = 500 * time.Millisecond
)

// partial is a file that is being downloaded, open and locked.
type partial struct {
	path string
	file *os.File
	note note
	// size is how many bytes of the content there are; sums are their digests.
	size int64
	sums *sums
	boot string
	// synced is when the content was made durable last.
	synced time.Duration
}

// openDirectory makes the directory of partial files, and refuses one that a less trusted user could change.
func openDirectory(path string) error {
	if !filepath.IsAbs(path) {
		return invalidOption("the directory for partial downloads %q is not an absolute path", path).WithHint("write the path from the root")
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return durable.Explain(err, "cannot make the directory %s", path)
	}
	weak, err := trust.Find(path)
	if err != nil {
		return durable.Explain(err, "cannot examine the directory %s", path)
	}
	if weak != nil {
		return fault.New(fault.Refused, "download-directory-unsafe", "cannot keep partial downloads in %s: another user can change it", path).
			WithHint("name a directory in partial-dir that only root, or the user gwe runs as, can change, like its parents").AsPermanent()
	}
	return nil
}

// openPartial opens the partial file of a name, locks it, and reads what is there already. While another
// process holds it, it waits until ctx ends; waiting is told once.
func openPartial(ctx context.Context, directory, name string, want Digests, waiting func()) (*partial, error) {
	if err := openDirectory(directory); err != nil {
		return nil, err
	}
	p := &partial{path: filepath.Join(directory, name), sums: newSums(want), boot: host.BootID(), synced: pace.Now(ctx)}
	for told := false; p.file == nil; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		file, held, err := lockPartial(p.path + partialSuffix)
		if err != nil {
			return nil, durable.Explain(err, "cannot open the partial download %s", p.path+partialSuffix)
		}
		if file != nil {
			p.file = file
			break
		}
		if held && !told {
			told = true
			waiting()
		}
		if err := pace.Sleep(ctx, lockEvery); err != nil {
			return nil, err
		}
	}
	if err := p.read(ctx); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// lockPartial opens and locks the file; it is nil where another process holds it, or has just removed it.
func lockPartial(path string) (file *os.File, held bool, err error) {
	file, err = regular.Open(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, err
	}
	if err := durable.Flock(file); err != nil {
		_ = file.Close()
		return nil, errors.Is(err, syscall.EWOULDBLOCK), ignore(err, syscall.EWOULDBLOCK)
	}
	here, err := file.Stat()
	if err != nil {
		return nil, false, errors.Join(err, file.Close())
	}
	there, err := os.Lstat(path)
	if err != nil || !os.SameFile(here, there) {
		return nil, false, errors.Join(ignore(err, fs.ErrNotExist), file.Close())
	}
	// A file with a second name is never written to: it may be in use by that name.
	if here.Sys().(*syscall.Stat_t).Nlink != 1 {
		return nil, false, errors.Join(os.Remove(path), file.Close())
	}
	return file, false, nil
}

func ignore(err, known error) error {
	if errors.Is(err, known) {
		return nil
	}
	return err
}

// read takes over what an earlier try left, as far as the note vouches for it.
func (p *partial) read(ctx context.Context) error {
	text, err := regular.Read(p.path + noteSuffix)
	if err == nil {
		p.note, err = parseNote(text)
	}
	info, statErr := p.file.Stat()
	if statErr != nil {
		return durable.Explain(statErr, "cannot read the partial download %s", p.path)
	}
	if err != nil {
		return p.reset()
	}
	size := info.Size()
	if p.note.Boot != p.boot || p.boot == "" {
		size = min(size, p.note.Synced)
	}
	if p.note.Total >= 0 {
		size = min(size, p.note.Total)
	}
	if size < p.note.Synced {
		return p.reset() // something else has shortened it
	}
	// Without a digest the server must say that the file is still the same: its last byte is asked for again.
	if size > 0 && size == p.note.Total && !p.sums.want.Given() {
		size--
	}
	if err := p.file.Truncate(size); err != nil {
		return durable.Explain(err, "cannot shorten the partial download %s", p.path)
	}
	buffer := make([]byte, 256<<10)
	for p.size < size {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := p.file.ReadAt(buffer[:min(int64(len(buffer)), size-p.size)], p.size)
		if n == 0 && err != nil {
			return durable.Explain(ignore(err, io.EOF), "cannot read the partial download %s", p.path)
		}
		_, _ = p.sums.Write(buffer[:n])
		p.size += int64(n)
	}
	return nil
}

// reset begins anew. A note that may be on the disk goes first, for good: after a power cut it would vouch
// for bytes that are no longer there.
func (p *partial) reset() error {
	if p.note.Synced > 0 {
		err := durable.RemoveNotes(p.path + noteSuffix)
		if err == nil {
			err = durable.SyncDirectory(filepath.Dir(p.path))
		}
		if err != nil {
			return durable.Explain(err, "cannot begin the download in %s anew", filepath.Dir(p.path))
		}
	}
	p.size, p.note = 0, note{}
	p.sums.reset()
	if err := p.file.Truncate(0); err != nil {
		return durable.Explain(err, "cannot empty the partial download %s", p.path)
	}
	return nil
}

// begin notes of what the bytes that come now are a part.
func (p *partial) begin(from, etag string, total int64) error {
	if !strong(etag) {
		etag = ""
	}
	p.note.Version, p.note.From, p.note.ETag, p.note.Total = noteVersion, from, etag, total
	p.note.Pieces++
	return p.jot()
}

// jot writes the note so that it survives the end of the process. It waits for no disk: a power cut may
// take it away, and then the download begins anew.
func (p *partial) jot() error {
	p.note.Synced, p.note.Boot = min(p.note.Synced, p.size), p.boot
	text, err := p.note.text()
	if err == nil {
		err = regular.Write(p.path+newSuffix, text, 0o600)
	}
	if err == nil {
		err = os.Rename(p.path+newSuffix, p.path+noteSuffix)
	}
	return durable.Explain(err, "cannot note the download in %s", filepath.Dir(p.path))
}

// write adds to the content.
func (p *partial) write(ctx context.Context, part []byte) error {
	if _, err := p.file.WriteAt(part, p.size); err != nil {
		return durable.Explain(err, "cannot write the download to %s", filepath.Dir(p.path))
	}
	_, _ = p.sums.Write(part)
	p.size += int64(len(part))
	if now := pace.Now(ctx); p.size-p.note.Synced >= syncEvery || now-p.synced >= syncAfter {
		p.synced = now
		return p.checkpoint()
	}
	return nil
}

// checkpoint makes the content and its note durable, in this order.
func (p *partial) checkpoint() error {
	if err := p.file.Sync(); err != nil {
		return durable.Explain(err, "cannot make the download in %s durable", filepath.Dir(p.path))
	}
	p.note.Synced, p.note.Boot = p.size, p.boot
	text, err := p.note.text()
	if err != nil {
		return err
	}
	return durable.Explain(durable.WriteFile(p.path+noteSuffix, text, 0o600), "cannot note the download in %s", filepath.Dir(p.path))
}

// Close lets go of the file, and leaves it for a later try.
func (p *partial) Close() { _ = p.file.Close() }

// discard removes the file and its note. The name of the file goes last: its lock covers both. A note that
// may be on the disk goes for good, as in reset.
func (p *partial) discard() error {
	err := durable.RemoveNotes(p.path + noteSuffix)
	if err == nil && p.note.Synced > 0 {
		err = durable.SyncDirectory(filepath.Dir(p.path))
	}
	return durable.Explain(errors.Join(err, durable.RemoveNotes(p.path+partialSuffix)), "cannot remove the partial download %s", p.path)
}
