//go:build amd64

package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/scripts/gateway"
)

// picture is all that a recipe may change, one line a thing: each name with its kind, mode, owner, time,
// content, extended attributes, and which other names are the same file; and the marks. Hidden names of gwe's
// are left out: settled speaks of them.
type picture map[string]string

func (s *site) picture() picture {
	made := picture{}
	first := map[[2]uint64]string{}
	for _, top := range []string{"tree", "marks"} {
		s.check(filepath.WalkDir(s.path(top), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name, _ := filepath.Rel(s.root, path)
			if name == "marks/log" || top == "marks" && strings.Contains(entry.Name(), "taken-") { // wantTold asks for that
				return nil
			}
			if strings.HasPrefix(entry.Name(), ".gwe-") {
				if entry.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			name = gateway.KeptName.ReplaceAllString(name, ".kept")
			made[name] = s.describe(path, name, first)
			return nil
		}))
	}
	return made
}

func (s *site) describe(path, name string, first map[[2]uint64]string) string {
	var status unix.Stat_t
	s.check(unix.Lstat(path, &status))
	line := fmt.Sprintf("%o %d:%d", status.Mode, status.Uid, status.Gid)
	kind := status.Mode & unix.S_IFMT
	if kind != unix.S_IFDIR { // where names come and go
		if at := status.Mtim; at.Nano() < s.begun.UnixNano() {
			line += fmt.Sprintf(" at %d.%09d", at.Sec, at.Nsec)
		} else {
			line += " at this run"
		}
		inode := [2]uint64{status.Dev, status.Ino}
		if first[inode] == "" {
			first[inode] = name
		}
		line += fmt.Sprintf(" rdev %d, the same file as %q", status.Rdev, first[inode])
	}
	switch kind {
	case unix.S_IFREG:
		content, err := os.ReadFile(path)
		s.check(err)
		line += fmt.Sprintf(" %d bytes %.6x", len(content), sha256.Sum256(content))
	case unix.S_IFLNK:
		to, err := os.Readlink(path)
		s.check(err)
		line += fmt.Sprintf(" -> %q", to)
	}
	list := make([]byte, 64<<10)
	size, err := unix.Llistxattr(path, list)
	s.check(err)
	keys := strings.Split(string(list[:size]), "\x00")
	slices.Sort(keys)
	for _, key := range keys {
		if key != "" {
			size, err := unix.Lgetxattr(path, key, list)
			s.check(err)
			line += fmt.Sprintf(" %s=%x", key, list[:size])
		}
	}
	return line
}

// differences tells what is not as wanted; "" where all is.
func differences(want, now picture) string {
	both := maps.Clone(want)
	maps.Copy(both, now)
	var text strings.Builder
	count := 0
	for _, name := range slices.Sorted(maps.Keys(both)) {
		if want[name] != now[name] {
			if count++; count <= 8 {
				fmt.Fprintf(&text, "\n%q\n  is     %q\n  wanted %q", name, now[name], want[name])
			}
		}
	}
	if count > 8 {
		fmt.Fprintf(&text, "\nand %d more", count-8)
	}
	return text.String()
}
