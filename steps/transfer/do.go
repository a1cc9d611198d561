package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/order"
)

// Prepare names the hidden directory, and makes sure of the program where one is needed.
func (rsync) Prepare(ctx context.Context, run *step.Run, a arguments) (memo, error) {
	if _, err := a.check(); err != nil {
		return memo{}, err
	}
	if err := a.requireMounts(); err != nil {
		return memo{}, err
	}
	if !isRemote(a.Source) {
		if err := a.refuseEmptyAt(a.Source); err != nil {
			return memo{}, err
		}
	}
	if isRemote(a.Source) || isRemote(a.Target) {
		if err := a.checkProgram(ctx, run); err != nil {
			return memo{}, err
		}
	}
	if isRemote(a.Target) {
		return memo{}, nil
	}
	target, existed, err := resolve(a.Target)
	if err != nil {
		return memo{}, err
	}
	m := memo{Target: target, Existed: existed}
	s, err := openSite(run, m) // this notes which directories they are
	if err != nil {
		return memo{}, explain(err, "cannot open the target %s", a.Target)
	}
	defer s.close()
	if !isRemote(a.Source) {
		if err := apart(a.Source, target); err != nil {
			return memo{}, err
		}
	}
	links := make([]string, len(a.LinkDest))
	dangling := map[string]string{}
	for i, link := range a.LinkDest {
		links[i] = string(link)
		text, err := run.Machine.ReadLink(links[i])
		if _, missing := run.Machine.Stat(links[i]); err == nil && errors.Is(missing, fs.ErrNotExist) {
			dangling[links[i]] = text
		}
	}
	m.Hidden, m.Dangling, m.Order = s.hiddenFor(run), dangling, order.Beside(run, target, links...)
	return m, nil
}

// Do stages what is new, makes it and the list of changes durable, and only then touches the target.
func (rsync) Do(ctx context.Context, run *step.Run, a arguments, m memo) (outputs, error) {
	if err := ctx.Err(); err != nil {
		return outputs{}, err
	}
	if m.Target == "" {
		return a.push(ctx, run)
	}
	if err := run.MakeDirectory(); err != nil {
		return outputs{}, err
	}
	if done, err := sealed(run.Directory); err != nil || done {
		return outputs{}, fault.New(fault.Errored, "rsync-not-undone", "an attempt before was not undone").WithCause(err)
	}
	s, err := openSite(run, m)
	if err != nil {
		return outputs{}, explain(err, "cannot open the target %s", m.Target)
	}
	defer s.close()
	// Of an attempt before, an undo may have left it.
	if err := s.discard(); err != nil {
		return outputs{}, err
	}
	found, err := a.prepare(ctx, run, s)
	if err == nil && found.nothing() {
		err = s.installAgain()
	}
	if err != nil || found.nothing() {
		return outputs{Path: value.Path(a.Target)}, err
	}
	if err := carryOut(ctx, s); err != nil {
		return outputs{}, err
	}
	return outputs{
		Path: value.Path(a.Target), Changed: true, Copied: found.copied, Linked: found.linked, Deleted: found.deleted, Bytes: value.SizeOf(found.bytes),
	}, nil
}

// fetched is the name in the hidden directory of what came from another machine.
const fetched = "fetched"

// prepare stages the new entries, and seals the manifest where there is anything to change. Both are durable
// when it returns.
func (a arguments) prepare(ctx context.Context, run *step.Run, at *site) (tally, error) {
	m := at.m
	rules, err := a.check()
	if err != nil {
		return tally{}, err
	}
	staged := &staging{site: at, handle: none, target: none, take: isRemote(a.Source), copier: copier{ctx: ctx}}
	defer staged.close()
	if staged.manifest, err = newManifest(run.Directory); err != nil {
		return tally{}, err
	}
	defer staged.manifest.close()
	if staged.shared, err = newShared(run.Directory); err != nil {
		return tally{}, err
	}
	defer staged.shared.close()
	staged.sums = made.CreateSums(run.Directory)
	defer staged.sums.Close()
	links := newGroups(run.Directory)
	defer links.close()
	source := a.Source
	if staged.take {
		if err := staged.open(); err != nil {
			return tally{}, err
		}
		if err := a.fetch(ctx, run, staged); err != nil {
			return tally{}, err
		}
	}
	opened, err := staged.openSource(source)
	if err != nil {
		return tally{}, err
	}
	defer closeAll(opened)
	if err := a.refuseEmpty(opened); err != nil {
		return tally{}, err
	}
	s := &survey{ctx: ctx, log: run.Log, filter: rules, remove: a.Delete, checksum: a.Checksum, staging: staged, groups: links}
	if run.Leased != nil {
		s.leased = func(way string) bool { return run.Leased(m.Target + "/" + way) }
	}
	if err := s.trees(source, opened, at, a.LinkDest); err != nil {
		return tally{}, err
	}
	s.tellPassed()
	if staged.take {
		if err := durable.ClearAt(staged.dir, fetched); err != nil {
			return tally{}, err
		}
	}
	if s.tally.nothing() {
		return tally{}, at.discard()
	}
	if err := staged.shared.seal(); err != nil {
		return tally{}, err
	}
	if err := staged.manifest.seal(); err != nil {
		return tally{}, err
	}
	if err := errors.Join(staged.sums.Close(), recordMade(ctx, run, staged.handle)); err != nil {
		return tally{}, err
	}
	if err := m.Order.Install(filepath.Base(m.Target)); err != nil {
		return tally{}, err
	}
	var ready []*openat.Dir
	if staged.handle != none {
		ready = append(ready, staged.dir)
	}
	if m.Order.Dir != "" {
		ready = append(ready, at.above)
	}
	return s.tally, durable.SyncFileSystemsAt(ready, run.Directory)
}

// installAgain records an installation that had nothing to change, where that says something new: the release
// was bad, or has no place in the order.
func (s *site) installAgain() error {
	run, m := s.run, s.m
	if m.Order.Dir == "" {
		return nil
	}
	name := filepath.Base(m.Target)
	now, err := order.Read(run.Machine, m.Order.Dir)
	if err != nil || now.Placed(name) && !now.Bad(name) {
		return err
	}
	if err := m.Order.Install(name); err != nil {
		return err
	}
	return durable.SyncFileSystemsAt([]*openat.Dir{s.above})
}

// carryOut makes the changes of the manifest: first the renames, then the attributes of directories, whose
// times the renames have changed.
func carryOut(ctx context.Context, s *site) error {
	run, m := s.run, s.m
	mover, err := newMover(s)
	if err != nil {
		return explain(err, "cannot open the target %s", m.Target)
	}
	defer mover.close()
	for _, dressing := range []bool{false, true} {
		for one, err := range changes(run.Directory) {
			if err != nil {
				return err
			}
			if (one.verb == dress) != dressing {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := mover.forward(one); err != nil {
				return err
			}
		}
	}
	if mover.split > 0 {
		run.Log.Warn(fmt.Sprintf("%q in %s had several names, and %d more such files: the overlay file system made the old one a file of its own, and no undo links it again",
			mover.firstSplit, m.Target, mover.split-1))
	}
	if m.Existed {
		return nil
	}
	// The one thing that was in it is the target now.
	return explain(s.removeHidden(), "cannot remove the hidden directory %s", m.Hidden)
}

// Sync makes the renames durable; what they moved is already.
func (rsync) Sync(_ context.Context, run *step.Run, _ arguments, m memo) error {
	done, err := sealed(run.Directory)
	if err != nil || !done {
		return err
	}
	s, err := openSite(run, m)
	if err != nil {
		return explain(err, "cannot open the target %s", m.Target)
	}
	defer s.close()
	return s.sync()
}

// Verify makes sure, just before the commit, that no file shared with a directory of link-dest was written to
// in place.
func (rsync) Verify(ctx context.Context, run *step.Run, _ arguments, m memo) error {
	if m.Target == "" {
		return nil
	}
	s, err := openSite(run, m)
	if err != nil {
		return explain(err, "cannot open the target %s", m.Target)
	}
	defer s.close()
	if err := settleMade(ctx, s); err != nil {
		return err
	}
	return verifyShared(ctx, s)
}

// Leases is what was kept. The target is not among it: a mirror is filled again and again, and later runs
// delete from it.
func (rsync) Leases(_ arguments, m memo) []string {
	if !m.Existed {
		return nil
	}
	return []string{m.Hidden}
}

// Release gives up what was kept.
func (rsync) Release(ctx context.Context, run *step.Run, _ arguments, m memo) error {
	if m.Target == "" {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s, err := openSite(run, m)
	if isAbsent(err) {
		return nil
	}
	if err != nil {
		return explain(err, "cannot open the target %s", m.Target)
	}
	defer s.close()
	return s.discard()
}
