package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// check looks at the arguments alone.
func (a arguments) check() (filter, error) {
	for argument, place := range map[string]string{"source": a.Source, "target": a.Target} {
		if isRemote(place) {
			continue
		}
		if _, err := absolute(argument, place); err != nil {
			return nil, err
		}
	}
	if isRemote(a.Source) && isRemote(a.Target) {
		return nil, fault.New(fault.Refused, "rsync-two-remotes", "neither %s nor %s is on this machine", a.Source, a.Target).
			WithHint("rsync copies to or from the machine it runs on")
	}
	return parseFilter(a.Include, a.Exclude)
}

// requireMounts refuses where one of the mount points is not mounted.
func (a arguments) requireMounts() error {
	for _, point := range a.Mounted {
		if point == "" {
			continue
		}
		if _, err := absolute("mounted", string(point)); err != nil {
			return err
		}
		what := "the target " + a.Target
		if !isRemote(a.Source) && within(filepath.Clean(a.Source), filepath.Clean(string(point))) {
			what = "the source " + a.Source
		}
		if err := durable.RequireMount(what, string(point)); err != nil {
			return err
		}
	}
	return nil
}

// refuseEmpty refuses a source with nothing in it; directory is where it is on this machine, open.
func (a arguments) refuseEmpty(directory int) error {
	if a.Empty == "ok" || directory == none {
		return nil
	}
	again, err := openDirectory(directory, ".")
	if err != nil {
		return nil // that it cannot be read, its reader says
	}
	opened := os.NewFile(uintptr(again), a.Source)
	defer opened.Close()
	if _, err := opened.ReadDir(1); !errors.Is(err, io.EOF) {
		return nil
	}
	return fault.New(fault.Refused, "rsync-source-empty", "the source %s is empty", a.Source).
		WithHint("see that what should be there is mounted (findmnt --target %s), and name its mount point in `mounted`; if an empty source is right, write empty: ok", a.Source)
}

// refuseEmptyAt is refuseEmpty for a path.
func (a arguments) refuseEmptyAt(path string) error {
	directory, err := openRoot(path)
	if err != nil {
		return nil // that it cannot be read, its reader says
	}
	defer closeAll(directory)
	return a.refuseEmpty(directory)
}

// Plan compares the trees where both are on this machine; it touches no other machine.
func (rsync) Plan(ctx context.Context, machine step.Machine, a arguments) (step.Plan, error) {
	rules, err := a.check()
	if err != nil {
		return step.Plan{}, err
	}
	if err := a.requireMounts(); err != nil {
		return step.Plan{}, step.Stands(err)
	}
	if isRemote(a.Source) || isRemote(a.Target) {
		return a.planRemote(machine)
	}
	if _, err := os.Stat(a.Source); errors.Is(err, fs.ErrNotExist) {
		return step.Plan{
			Do:   []string{fmt.Sprintf("make the contents of %s those of %s, which is not there yet", a.Target, a.Source)},
			Undo: []string{"put " + a.Target + " back as it was"},
		}, nil
	}
	source, err := openRoot(a.Source)
	if err = noSource(a.Source, err); err != nil {
		return step.Plan{}, err
	}
	defer closeAll(source)
	if err := a.refuseEmpty(source); err != nil {
		return step.Plan{}, step.Stands(err, a.Source)
	}
	target, existed, err := resolve(a.Target)
	if found := fault.As(err); found != nil && found.Code == "rsync-no-parent" {
		target, existed, err = filepath.Clean(a.Target), false, nil // a step before may make it
	}
	if err == nil {
		err = apart(a.Source, target)
	}
	if err != nil {
		return step.Plan{}, err
	}
	links := newGroups("")
	s := &survey{ctx: ctx, filter: rules, remove: a.Delete, checksum: a.Checksum, groups: links}
	at, err := openSite(&step.Run{}, memo{Target: target, Existed: existed})
	if isAbsent(err) && !existed {
		at, err = &site{m: memo{Target: target}}, nil // what it will lie in is not there yet
	}
	if err != nil {
		return step.Plan{}, explain(err, "cannot open the target %s", target)
	}
	defer at.close()
	if err := s.trees(a.Source, source, at, a.LinkDest); err != nil {
		return step.Plan{}, err
	}
	return a.planOf(s.tally, target, existed), nil
}

func (a arguments) planOf(found tally, target string, existed bool) step.Plan {
	if found.nothing() {
		return step.Plan{Nothing: true, Do: []string{fmt.Sprintf("%s has what %s has", a.Target, a.Source)}}
	}
	plan := step.Plan{Space: map[string]int64{existing(target): found.bytes}, Reads: found.bytes, Writes: found.bytes}
	say := func(count int, format string, arguments ...any) {
		if count > 0 {
			plan.Do = append(plan.Do, fmt.Sprintf("%d %s", count, fmt.Sprintf(format, arguments...)))
		}
	}
	plan.Do = []string{fmt.Sprintf("make the contents of %s those of %s", a.Target, a.Source)}
	say(found.copied, "files to copy (%s)", value.SizeOf(found.bytes))
	say(found.linked, "files to link to those of link-dest")
	say(found.joined, "further names of these or other files")
	say(found.directories, "new directories")
	say(found.dressed, "directories with other attributes")
	say(found.deleted, "entries to delete")
	plan.Undo = []string{"put " + a.Target + " back as it was"}
	if !existed {
		plan.Undo = []string{"remove " + a.Target}
	}
	return plan
}

func (a arguments) planRemote(machine step.Machine) (step.Plan, error) {
	if _, err := process.LookPath("rsync", process.BaseEnvironment()); err != nil {
		return step.Plan{}, noProgram(err)
	}
	plan := step.Plan{Do: []string{fmt.Sprintf("make the contents of %s those of %s, by the rsync program", a.Target, a.Source)}}
	plan.Undo = []string{"put " + a.Target + " back as it was"}
	if isRemote(a.Target) {
		plan.Undo = []string{"nothing: what is on another machine stays as it is"}
	}
	return plan, nil
}

// existing gives the nearest directory that is there.
func existing(path string) string {
	for {
		if info, err := os.Stat(path); err == nil && info.IsDir() || path == "/" {
			return path
		}
		path = filepath.Dir(path)
	}
}

// noSource explains why the source cannot be opened.
func noSource(source string, err error) error {
	if err == nil || fault.As(err) != nil {
		return err
	}
	found := fault.New(fault.Failed, "rsync-no-source", "the source %s cannot be read", source).WithCause(err)
	return found.WithHint("it must be a directory that is there when the step runs")
}

// trees surveys two whole trees. from is the source, open.
func (s *survey) trees(source string, from int, at *site, linkDest []value.Path) error {
	l := level{source: none, target: none}
	target := at.m.Target
	var err error
	if l.source, err = openDirectory(from, "."); err != nil {
		return noSource(source, err)
	}
	defer func() { l.leave() }()
	for _, one := range linkDest {
		directory, err := openRoot(string(one))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return explain(err, "cannot open %s of link-dest", one)
		}
		l.links = append(l.links, directory)
	}
	if at.m.Existed {
		if at.target == nil {
			return explain(&fs.PathError{Op: "open", Path: target, Err: fs.ErrNotExist}, "cannot open the target %s", target)
		}
		if l.target, err = openDirectory(at.target.Descriptor(), "."); err != nil {
			return explain(err, "cannot open the target %s", target)
		}
		if s.staging != nil {
			s.staging.target = l.target
		}
		var status unix.Stat_t
		if err := unix.Fstat(l.target, &status); err != nil {
			return explain(err, "cannot look at the target %s", target)
		}
		s.device, s.mount = uint64(status.Dev), mountOf(l.target, "")
		return explain(s.both(l, "."), "cannot compare %s with %s", source, target)
	}
	var status unix.Stat_t
	if at.above == nil {
		err = unix.Stat(existing(target), &status)
	} else {
		err = unix.Fstat(at.above.Descriptor(), &status)
	}
	if err != nil {
		return explain(err, "cannot look at the directory of the target %s", target)
	}
	s.device = uint64(status.Dev)
	if err := unix.Fstat(l.source, &status); err != nil {
		return explain(err, "cannot look at the source %s", source)
	}
	return s.stage(change{verb: add}, l, ".", &status, original{l.source, ".", &status})
}
