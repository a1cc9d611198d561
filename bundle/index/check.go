package index

import (
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
)

// tarBlock is the unit of a tar: headers and contents begin at its multiples.
const tarBlock = 512

// check reads all entries once, and makes sure that they are a tree whose contents lie in the tar.
func (x *Index) check() error {
	d := &decoder{rest: x.entries}
	var c checker
	for range x.count {
		e := d.entry()
		if d.err != nil {
			return d.err
		}
		if err := c.entry(e, x.Tar); err != nil {
			return err
		}
	}
	switch {
	case len(d.rest) > 0:
		return damaged("%d bytes follow its last entry", len(d.rest))
	case x.count == 0:
		return damaged("it has no entry for the release's own directory")
	case c.tree.Sum() != x.Tree:
		return damaged("its entries do not have the digest that it gives for the tree")
	}
	if len(c.targets) == 0 {
		return nil
	}
	return x.checkHardLinks(c.targets)
}

// checker is what of the entries before matters to the next one.
type checker struct {
	// open are the directories that the entry before lies in, and itself where it is one.
	open []string
	last string
	any  bool
	// end is that of the last content in the tar.
	end  int64
	tree TreeSum
	// targets are the files that hard links name.
	targets map[string]bool
}

func (c *checker) entry(e Entry, tar int64) *fault.Fault {
	if !c.any {
		if c.any = true; e.Path != "" || e.Kind != Directory {
			return outside(e, "the first entry is not the release's own directory")
		}
	} else if err := c.path(e); err != nil {
		return err
	}
	switch e.Kind {
	case Directory:
		c.open = append(c.open, e.Path)
	case Symlink:
		if e.Target == "" || strings.ContainsRune(e.Target, 0) {
			return outside(e, "it is a symbolic link without a proper target")
		}
	case HardLink:
		if why := badPath(e.Target); why != "" {
			return outside(e, "its target: "+why)
		}
		if c.targets == nil {
			c.targets = map[string]bool{}
		}
		c.targets[e.Target] = false
	case File:
		switch {
		case e.Size == 0 && e.At == 0:
		case e.Size == 0 || e.At%tarBlock != 0 || e.At < c.end+tarBlock:
			return badFrames("the content of %q lies at %d in the tar, where none can be", e.Path, e.At)
		case e.At > tar || e.Size > tar-e.At:
			return badFrames("the content of %q ends at %d, and the frames at %d", e.Path, e.At+e.Size, tar)
		default:
			c.end = e.At + e.Size
		}
	}
	c.last = e.Path
	c.tree.Add(e)
	return nil
}

// path makes sure that an entry comes after the one before, and in a directory that has an entry.
func (c *checker) path(e Entry) *fault.Fault {
	if why := badPath(e.Path); why != "" {
		return outside(e, why)
	}
	if !Before(c.last, e.Path) {
		return outside(e, "it is there twice, or comes before %q", c.last)
	}
	above := ""
	if at := strings.LastIndexByte(e.Path, '/'); at >= 0 {
		above = e.Path[:at]
	}
	for len(c.open) > 1 && c.open[len(c.open)-1] != above {
		c.open = c.open[:len(c.open)-1]
	}
	if c.open[len(c.open)-1] != above {
		return outside(e, "%q is not a directory before it", above)
	}
	return nil
}

// Before reports whether a path comes before another in the order of an index: name by name, each directory
// followed by what lies in it.
func Before(one, other string) bool {
	for i := range min(len(one), len(other)) {
		a, b := one[i], other[i]
		if a == b {
			continue
		}
		if a == '/' {
			return true
		}
		return b != '/' && a < b
	}
	return len(one) < len(other)
}

// badPath says what is wrong with a path in the tree, or "".
func badPath(path string) string {
	if path == "" {
		return "it has no name"
	}
	if len(path) > PathMaximum {
		return "it is too long"
	}
	if strings.ContainsRune(path, 0) {
		return "it holds a NUL character"
	}
	depth := 0
	for part := range strings.SplitSeq(path, "/") {
		switch {
		case part == "" || part == "." || part == "..":
			return "it leads outside, or is not in its shortest form"
		case len(part) > PartMaximum:
			return "a name in it is too long"
		}
		depth++
	}
	if depth > DepthMaximum {
		return "it lies too deep"
	}
	return ""
}

func outside(e Entry, format string, arguments ...any) *fault.Fault {
	return refuse("index-path", "the entry %.300q of the package's index is refused: "+format, append([]any{e.Path}, arguments...)...).
		WithHint("pack the package again with gwe pack")
}

// checkHardLinks makes sure that each hard link names a file before it.
func (x *Index) checkHardLinks(targets map[string]bool) error {
	for e := range x.Entries() {
		switch e.Kind {
		case File:
			if _, is := targets[e.Path]; is {
				targets[e.Path] = true
			}
		case HardLink:
			if !targets[e.Target] {
				return outside(e, "it is a hard link to %q, which is not a file before it", e.Target)
			}
		}
	}
	return nil
}
