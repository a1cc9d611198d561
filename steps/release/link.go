package release

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// absolute gives the path without a trailing slash and from the root: an undo may run in another working
// directory.
func absolute(path value.Path) (string, error) {
	result, err := filepath.Abs(string(path))
	return result, durable.Explain(err, "cannot tell where %s is", path)
}

// readLink gives a link's text as it is written; found is false where nothing is there. A directory or a file
// in its place is a fault with the code given.
func readLink(machine step.Machine, link, code string) (text string, found bool, err error) {
	info, err := machine.Lstat(link)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, durable.Explain(err, "cannot look at %s", link)
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		return "", false, notALink(link, info, code)
	}
	text, err = machine.ReadLink(link)
	return text, true, durable.Explain(err, "cannot read the link %s", link)
}

// readLinkIn is readLink for a name in an open directory, of which nobody else can change the path meanwhile.
func readLinkIn(dir *openat.Dir, name, code string) (text string, found bool, err error) {
	entry, err := dir.Entry(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, durable.Explain(err, "cannot look at %s", dir.Join(name))
	}
	defer entry.Close()
	info, err := entry.Info()
	if err != nil {
		return "", false, durable.Explain(err, "cannot look at %s", dir.Join(name))
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		return "", false, notALink(dir.Join(name), info, code)
	}
	text, err = entry.Readlink()
	return text, true, durable.Explain(err, "cannot read the link %s", dir.Join(name))
}

func notALink(link string, info fs.FileInfo, code string) error {
	refused := fault.New(fault.Refused, code, "%s is %s, not a symbolic link", link, kindOf(info))
	if !info.IsDir() {
		return refused.WithHint("move it away: ls -l %s", link)
	}
	failsafe := filepath.Join(filepath.Dir(link), "failsafe")
	return refused.WithHint("to keep it as the release to fall back to: mv %s %s && ln -s failsafe %s", link, failsafe, link)
}

func kindOf(info fs.FileInfo) string {
	switch {
	case info.IsDir():
		return "a directory"
	case info.Mode().IsRegular():
		return "a file"
	}
	return "a special file"
}

// targetOf gives the path that a link's text leads to, absolute and clean.
//
// The text is joined with the link's directory as it is spelled. Where that directory is itself reached by a
// link, a ".." in the text leads elsewhere than the spelling says; such a link is a fault.
func targetOf(machine step.Machine, link, text string) (string, error) {
	target := text
	if !filepath.IsAbs(text) {
		target = filepath.Join(filepath.Dir(link), text)
	}
	target = filepath.Clean(target)
	if !strings.Contains(text, "..") {
		return target, nil
	}
	straight, err := machine.Stat(link)
	if err != nil {
		return target, nil // it leads nowhere, and so may its spelling
	}
	if spelled, err := machine.Stat(target); err == nil && sameFile(straight, spelled) {
		return target, nil
	}
	return "", fault.New(fault.Failed, "link-unclear", "%s points to %s by way of another link, and that is not %s", link, text, target).
		WithHint("give the path without links in its directories: realpath %s", filepath.Dir(link))
}

// sameFile compares what the machine tells.
func sameFile(a, b fs.FileInfo) bool {
	one, ok := a.Sys().(*syscall.Stat_t)
	other, also := b.Sys().(*syscall.Stat_t)
	return ok && also && one.Dev == other.Dev && one.Ino == other.Ino
}
