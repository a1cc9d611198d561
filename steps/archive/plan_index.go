package archive

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/bundle/index"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// forecast is what an installation by an index would take.
type forecast struct {
	linked, written int
	// bytes is the sum of the lengths of the files that are written. read are the bytes of the package that
	// hold them: fewer are read if parts of them are in the running release.
	bytes, read int64
}

// planIndex adds to a plan what an update by the package's index would link, write and read. No file of the
// running release is read: where its recorded identity does not fit, its attributes count. What is wrong with
// the package, the step itself says.
func (j job) planIndex(ctx context.Context, machine step.Machine, arguments unpackArguments, plan step.Plan) step.Plan {
	beside, err := j.beside()
	if err != nil || beside == "" || j.strip > 0 {
		return plan
	}
	opened, err := bundle.Open(ctx, j.source)
	if err != nil {
		return plan
	}
	defer opened.Close()
	found, err := opened.Indexed(ctx, arguments.policy(func(string) {}))
	if err != nil || found == nil {
		return plan
	}
	defer found.Close()
	_, selected, err := j.patterns()
	if err != nil {
		return plan
	}
	foreseen, err := j.foresee(ctx, found, selected, beside)
	if err != nil {
		return plan
	}
	plan.Do = append(plan.Do, fmt.Sprintf("by the index: link %d files, write %d files (%s), read at most %s of the package",
		foreseen.linked, foreseen.written, value.SizeOf(foreseen.bytes), value.SizeOf(foreseen.read)))
	plan.Reads, plan.Writes = foreseen.read, foreseen.bytes
	plan.Space = map[string]int64{existing(machine, j.directory): foreseen.bytes}
	return plan
}

func (j job) foresee(ctx context.Context, found *bundle.Indexed, selected selection, beside string) (forecast, error) {
	dir, err := openat.Open(beside)
	if err != nil {
		return forecast{}, err
	}
	defer dir.Close()
	x, done := j.comparison(selected, beside, dir)
	defer done()
	f, needed := forecast{read: found.Message}, make([]bool, len(found.Frames))
	err = x.eachFile(ctx, found, func(e entry, one index.Entry) error {
		if x.presumes(e, one) {
			f.linked++
			return nil
		}
		f.written++
		f.bytes += one.Size
		for i, end := found.Holding(one.At, one.Size); i < end; i++ {
			if !needed[i] {
				needed[i], f.read = true, f.read+found.Frames[i].Length
			}
		}
		return nil
	})
	return f, err
}

// comparison is an extraction that only looks at the running release, which is open.
func (j job) comparison(selected selection, beside string, dir *openat.Dir) (x *extraction, done func()) {
	held, close := j.heldBy(memo{Beside: beside}, dir.Descriptor())
	x = &extraction{options: options{selection: selected, held: held}, old: reader(dir.Descriptor()), owners: os.Geteuid() == 0, uid: os.Geteuid(), gid: os.Getegid()}
	return x, func() {
		x.old.drop()
		close()
	}
}

// eachFile calls visit with each selected file of an index.
func (x *extraction) eachFile(ctx context.Context, found *bundle.Indexed, visit func(e entry, one index.Entry) error) error {
	for one := range found.Entries() {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, err := entryOf(headerOf(found.Name, one))
		if err != nil || one.Kind != index.File {
			continue
		}
		if e.parts = e.parts[1:]; !x.selects(e.parts) {
			continue
		}
		if err := visit(e, one); err != nil {
			return err
		}
	}
	return nil
}

// presumes reports whether the running release's file of the same path is the entry's, as far as can be told
// without reading it.
func (x *extraction) presumes(e entry, one index.Entry) bool {
	wanted, err := x.attributesOf(e)
	if err != nil {
		return false
	}
	above, err := x.old.at(e.directory())
	var status unix.Stat_t
	if err != nil || unix.Fstatat(above, e.base(), &status, unix.AT_SYMLINK_NOFOLLOW) != nil || !wanted.fits(&status, e.Size) {
		return false
	}
	recorded, known := x.held.Find(one.Path)
	return !known || !recorded.Fits(&status) || recorded.Sum == one.Sum
}
