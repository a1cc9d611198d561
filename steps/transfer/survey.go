package transfer

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// survey walks the source and the target side by side, both sorted, a directory at a time. It finds out what
// has to change, has the new entries staged, and writes the manifest; it touches nothing in the target.
type survey struct {
	ctx context.Context
	log *tasklog.Task
	filter
	// remove and checksum are the arguments delete and checksum.
	remove, checksum bool
	// leased tells of a path in the target.
	leased func(way string) bool
	// device and mount are those of the target.
	device uint64
	mount  mounted
	// staging is nil for a plan: then the survey only counts.
	staging *staging
	groups  *groups
	tally   tally
	// passed counts the names of gwe's own in the source that were left out; firstPassed is one of them.
	passed      int
	firstPassed string
	// buffers are for comparing contents.
	buffers [2][]byte
}

// tally counts what there is to do.
type tally struct {
	// copied are new and changed files; linked become links of a file in link-dest instead, joined are
	// further names of a file of the source. directories are new ones, dressed those that only get other
	// attributes.
	copied, linked, joined, directories, dressed, deleted int
	bytes                                                 int64
}

func (t tally) nothing() bool { return t == tally{} }

// level is a directory in the trees side by side; each handle may be none.
type level struct {
	way            string
	source, target int
	// links is the directory in each tree of link-dest.
	links []int
}

func isDirectory(status *unix.Stat_t) bool { return kindOf(status) == unix.S_IFDIR }
func isRegular(status *unix.Stat_t) bool   { return kindOf(status) == unix.S_IFREG }
func kindOf(status *unix.Stat_t) uint32    { return status.Mode & unix.S_IFMT }

// enter opens the same directory in all trees.
func (l level) enter(name string) (next level, err error) {
	next = level{way: below(l.way, name), source: none, target: none}
	if name == "." {
		next.way = l.way
	}
	if next.source, err = openDirectory(l.source, name); err != nil {
		return next, err
	}
	if next.target, err = openIfThere(l.target, name); err != nil {
		next.leave()
		return next, err
	}
	for _, link := range l.links {
		directory, err := openIfThere(link, name)
		if err != nil {
			next.leave()
			return next, err
		}
		next.links = append(next.links, directory)
	}
	return next, nil
}

func (l level) leave() {
	closeAll(l.source, l.target)
	closeAll(l.links...)
}

// both compares a directory that both trees have with name in l; "." is l itself.
func (s *survey) both(l level, name string) error {
	next, err := l.enter(name)
	if err != nil {
		return err
	}
	defer next.leave()
	var from, to unix.Stat_t
	if err := unix.Fstat(next.source, &from); err != nil {
		return err
	}
	if err := unix.Fstat(next.target, &to); err != nil {
		return err
	}
	if err := s.sameMount(next.way, mountOf(next.target, ""), true); err != nil {
		return err
	}
	touched, err := s.merge(next)
	if err != nil {
		return err
	}
	before, err := attributesAt(next.target, ".", &to)
	if err != nil {
		return err
	}
	after, err := attributesAt(next.source, ".", &from)
	if err != nil {
		return err
	}
	if equal := before.equal(after, unix.S_IFDIR); !touched && equal {
		return nil
	} else if !equal {
		s.tally.dressed++
	}
	return s.staging.write(change{verb: dress, way: next.way, before: before, after: after})
}

// sameMount refuses what is mounted within the target, of another file system or of the same: no rename leads
// into it.
func (s *survey) sameMount(way string, at mounted, directory bool) error {
	if at == s.mount || !directory && s.mount.has(at) {
		return nil
	}
	return fault.New(fault.Refused, "rsync-mount", "another file system is mounted in the target at %q", way).
		WithHint("name it in exclude as /%s, and give it a step of its own", way)
}

// merge goes through the names of both directories, and reports whether any has to change.
func (s *survey) merge(l level) (touched bool, err error) {
	names, err := namesIn(l.source)
	if err != nil {
		return false, err
	}
	there, err := namesIn(l.target)
	if err != nil {
		return false, err
	}
	for {
		name := least(names.first(), there.first())
		if name == "" {
			return touched, nil
		}
		if err := s.ctx.Err(); err != nil {
			return touched, err
		}
		var from, to *unix.Stat_t
		if names.first() == name {
			names.drop()
			if from, err = statAt(l.source, name); err != nil {
				return touched, err
			}
			if from != nil && s.leavesOut(below(l.way, name), isDirectory(from)) {
				from = nil
			}
		}
		if there.first() == name {
			there.drop()
			if to, err = statAt(l.target, name); err != nil {
				return touched, err
			}
		}
		changed, err := s.pair(l, name, from, to)
		if err != nil {
			return touched, err
		}
		touched = touched || changed
	}
}

// leavesOut is excludes for what the source has, and notes names of gwe's own.
func (s *survey) leavesOut(way string, directory bool) bool {
	if _, name := cutLast(way); durable.IsOwn(name) {
		if s.passed++; s.passed == 1 {
			s.firstPassed = way
		}
	}
	return s.excludes(way, directory)
}

// tellPassed says in the log what was left out.
func (s *survey) tellPassed() {
	if s.passed > 0 {
		s.log.Info(fmt.Sprintf("not copied: %q in the source, and %d more names of gwe's own", s.firstPassed, s.passed-1))
	}
}

// least gives the first of two names in order; "" is none.
func least(one, other string) string {
	if other == "" || one != "" && one < other {
		return one
	}
	return other
}

// pair decides about one name, of what is there in the source and in the target; nil is nothing.
func (s *survey) pair(l level, name string, from, to *unix.Stat_t) (changed bool, err error) {
	switch {
	case from == nil && to == nil:
		return false, nil
	case from == nil:
		if !s.remove || s.excludes(below(l.way, name), isDirectory(to)) {
			return false, nil
		}
		return s.delete(l.target, l.way, name, to)
	case to == nil:
		return true, s.stage(change{verb: add, way: below(l.way, name)}, l, name, from, original{l.source, name, from})
	case isDirectory(from) && isDirectory(to):
		return false, s.both(l, name)
	}
	return s.entry(l, name, from, to)
}

// entry compares what is no directory in both trees.
func (s *survey) entry(l level, name string, from, to *unix.Stat_t) (changed bool, err error) {
	one := change{verb: swap, way: below(l.way, name), old: to.Ino}
	at := original{l.source, name, from}
	if !isRegular(from) && !isDirectory(from) {
		l.links = nil // such entries are linked to link-dest only where the target has none, as rsync does it
	}
	if kindOf(from) != kindOf(to) {
		if err := s.makeWay(l, name, to); err != nil {
			return false, err
		}
		return true, s.stage(one, l, name, from, at)
	}
	leader, known, err := s.groups.find(from)
	if err != nil || known && leader.inode == to.Ino {
		return false, err
	}
	_, equal, err := s.equalLink(l, at)
	if err != nil {
		return false, err
	}
	if equal == nil {
		l.links = nil
	}
	if known || equal != nil && equal.Ino != to.Ino {
		return true, s.stage(one, l, name, from, at)
	}
	content, whole, err := s.same(at, original{l.target, name, to})
	if err != nil {
		return false, err
	}
	if whole {
		return false, s.groups.note(from, settled{way: one.way, inode: to.Ino})
	}
	if content && isRegular(from) && s.staging != nil && !s.staging.take {
		at = original{l.target, name, to} // only attributes differ; a copy on one file system may share the blocks
	}
	return true, s.stage(one, l, name, from, at)
}

// makeWay refuses to replace a directory in which something would be lost that is not to be deleted.
func (s *survey) makeWay(l level, name string, to *unix.Stat_t) error {
	if !isDirectory(to) {
		return nil
	}
	way := below(l.way, name)
	held, count, err := s.holds(l.target, way, name, to)
	if err != nil {
		return err
	}
	if !held && (s.remove || count == 1) {
		return nil
	}
	hint := "exclude the name, or let the step delete"
	if held {
		hint = "something in it is excluded and so may not be deleted: exclude the directory too, or move that away"
	}
	return fault.New(fault.Failed, "rsync-in-the-way", "the target has a directory that is not empty at %q, where the source has none", way).WithHint("%s", hint)
}

// holds reports whether a directory of the target, or what is below it, has something that must stay, and
// counts the entries.
func (s *survey) holds(parent int, way, name string, status *unix.Stat_t) (held bool, count int, err error) {
	if err := s.ctx.Err(); err != nil {
		return false, 0, err
	}
	if err := s.sameMount(way, mountOf(parent, name), isDirectory(status)); err != nil || !isDirectory(status) {
		return false, 1, err
	}
	directory, err := openDirectory(parent, name)
	if err != nil {
		return false, 0, err
	}
	defer closeAll(directory)
	names, err := namesIn(directory)
	if err != nil {
		return false, 0, err
	}
	count = 1
	for child := range names.all() {
		path := below(way, child)
		status, err := statAt(directory, child)
		if err != nil || status == nil {
			return false, 0, err
		}
		if s.excludes(path, isDirectory(status)) {
			return true, count, nil
		}
		held, below, err := s.holds(directory, path, child, status)
		count += below
		if err != nil || held {
			return held, count, err
		}
	}
	return false, count, nil
}

// delete has an entry of the target moved away, whole where nothing in it must stay, else entry by entry.
func (s *survey) delete(parent int, outer, name string, status *unix.Stat_t) (bool, error) {
	way := below(outer, name)
	if s.leased != nil && s.leased(way) {
		return false, fault.New(fault.Refused, "rsync-leased", "%q in the target would be deleted, but gwe needs it to go back", way).
			WithHint("name it in exclude, or give the run up that may still go back: gwe forget")
	}
	held, count, err := s.holds(parent, way, name, status)
	if err != nil {
		return false, err
	}
	if !held {
		s.tally.deleted += count
		if s.staging == nil {
			return true, nil
		}
		staged, err := s.staging.next()
		if err != nil {
			return false, err
		}
		return true, s.staging.write(change{verb: remove, way: way, staged: staged, old: status.Ino})
	}
	directory, err := openDirectory(parent, name)
	if err != nil {
		return false, err
	}
	defer closeAll(directory)
	names, err := namesIn(directory)
	if err != nil {
		return false, err
	}
	touched := false
	for child := range names.all() {
		status, err := statAt(directory, child)
		if err != nil {
			return false, err
		}
		if status == nil || s.excludes(below(way, child), isDirectory(status)) {
			continue
		}
		gone, err := s.delete(directory, way, child, status)
		if err != nil {
			return false, err
		}
		touched = touched || gone
	}
	if !touched {
		return false, nil
	}
	stays, err := attributesAt(directory, ".", status)
	if err != nil {
		return false, err
	}
	// The directory itself stays, and keeps its time.
	return false, s.staging.write(change{verb: dress, way: way, before: stays, after: stays})
}
