package order

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// Directory is the name of the directory that holds the record, in the directory that holds the releases.
const Directory = durable.Releases

// kind is what a line says of a release. Where lines have one number, they count in this order.
type kind int

const (
	found kind = iota
	installed
	left
	chosen
)

var kinds = []string{found: "found", installed: "installed", left: "left", chosen: "chosen"}

// line is one line of a file.
type line struct {
	number  int
	kind    kind
	release string
}

// String is the line as it is written. The name is quoted as in Go, since it may hold anything but a slash
// and NUL.
func (l line) String() string { return fmt.Sprintf("%d %s %q\n", l.number, kinds[l.kind], l.release) }

// highest is the greatest number that counts, so that a damaged file cannot end the counting. It fits into an
// int of 32 bits, too.
const highest = min(1<<40, math.MaxInt/2)

func parseLine(text string) (line, bool) {
	fields := strings.SplitN(text, " ", 3)
	if len(fields) != 3 {
		return line{}, false
	}
	number, err := strconv.Atoi(fields[0])
	what := slices.Index(kinds, fields[1])
	if err != nil || number < 1 || number > highest || what < 0 {
		return line{}, false
	}
	name, err := strconv.Unquote(fields[2])
	return line{number, kind(what), name}, err == nil && name != ""
}

func parse(text string) (lines []line, ok bool) {
	for one := range strings.Lines(text) {
		parsed, ok := parseLine(strings.TrimSuffix(one, "\n"))
		if !ok || !strings.HasSuffix(one, "\n") {
			return nil, false
		}
		lines = append(lines, parsed)
	}
	return lines, len(lines) > 0
}

// Order is what the record of a directory says.
type Order struct {
	// Marked reports whether there is a record, be it empty: the directory holds releases.
	Marked bool
	// Damaged are the paths of files that cannot be read or understood.
	Damaged []string

	ranks       map[string]int
	placed, bad map[string]bool
	last        int
}

// Rank returns the place of the release of that name among those of its directory: a newer one has a greater
// rank. Releases that were there before the first record share a rank, as do those that were made by other
// means since the last one.
func (o Order) Rank(release string) int {
	if rank, known := o.ranks[release]; known {
		return rank
	}
	return math.MaxInt
}

// Placed reports whether an installation of the release of that name is recorded.
func (o Order) Placed(release string) bool { return o.placed[release] }

// Bad reports whether the release of that name was left as bad.
func (o Order) Bad(release string) bool { return o.bad[release] }

// largest is how many bytes a file of the record has at most; what is larger is none.
const largest = 1 << 20

// Read reads the record of the directory dir. Where there is none, the order is that of a directory without a
// record.
func Read(machine step.Machine, dir string) (Order, error) {
	o, files, err := read(machine, dir)
	o.replay(slices.Concat(slices.Collect(maps.Values(files))...))
	return o, err
}

// read returns the lines of each file.
func read(machine step.Machine, dir string) (o Order, files map[string][]line, err error) {
	directory := filepath.Join(dir, Directory)
	entries, err := machine.ReadDir(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return Order{}, nil, nil
	}
	if err != nil {
		return Order{}, nil, durable.Explain(err, "cannot read the order of the releases in %s", dir)
	}
	o.Marked = true
	files = map[string][]line{}
	for _, entry := range entries {
		if isFiles(entry.Name()) {
			continue
		}
		path := filepath.Join(directory, entry.Name())
		lines, ok := readFile(machine, path, entry)
		if !ok {
			o.Damaged = append(o.Damaged, path)
			continue
		}
		files[entry.Name()] = lines
	}
	return o, files, nil
}

func readFile(machine step.Machine, path string, entry fs.DirEntry) ([]line, bool) {
	info, err := entry.Info()
	if err != nil || !info.Mode().IsRegular() || info.Size() > largest {
		return nil, errors.Is(err, fs.ErrNotExist)
	}
	text, err := machine.ReadFile(path)
	if err != nil {
		return nil, errors.Is(err, fs.ErrNotExist)
	}
	return parse(string(text))
}

// readIn returns the lines of each file of a record that is open. Files that cannot be understood count as
// absent.
func readIn(directory *openat.Dir) (map[string][]line, error) {
	names, err := directory.Names()
	files := map[string][]line{}
	for _, name := range names {
		if isFiles(name) {
			continue
		}
		if lines, ok := readOne(directory, name); ok {
			files[name] = lines
		}
	}
	return files, err
}

func readOne(directory *openat.Dir, name string) ([]line, bool) {
	file, err := directory.Open(name)
	if err != nil {
		return nil, errors.Is(err, fs.ErrNotExist)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, largest+1))
	if err != nil || len(text) > largest {
		return nil, false
	}
	return parse(string(text))
}

// replay works out the ranks and the marks.
func (o *Order) replay(lines []line) {
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Or(a.number-b.number, int(a.kind-b.kind)) })
	o.ranks, o.placed, o.bad = map[string]int{}, map[string]bool{}, map[string]bool{}
	seen := map[string]int{}
	for _, one := range lines {
		o.last = one.number
		switch one.kind {
		case found:
			if _, known := seen[one.release]; !known {
				seen[one.release] = 2*one.number - 1
			}
		case installed:
			o.ranks[one.release], o.placed[one.release] = 2*one.number, true
			delete(o.bad, one.release)
		case left:
			o.bad[one.release] = true
		case chosen:
			delete(o.bad, one.release)
		}
	}
	for name, rank := range seen {
		if _, known := o.ranks[name]; !known {
			o.ranks[name] = rank
		}
	}
}
