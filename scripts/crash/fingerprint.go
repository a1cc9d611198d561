//go:build amd64

package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/scripts/crash/trace"
)

// fingerprint is the state of the disk: two states with one fingerprint are the same to a recovery. What
// differs from run to run (times, a run's name, temporary names) is not in it, nor are the logs; of a journal
// only the kinds of its records.
func (s *site) fingerprint() string {
	var lines []string
	for _, directory := range []string{"opt", "bin", "marks", "state"} {
		// The traced gwe is stopped, but another of its threads may just remove something.
		_ = filepath.WalkDir(s.Path(directory), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return nil
			}
			if entry.Name() == "log" {
				return fs.SkipDir
			}
			lines = append(lines, s.line(path, entry))
			return nil
		})
	}
	slices.Sort(lines)
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(lines, "\n"))))
}

func (s *site) line(path string, entry fs.DirEntry) string {
	name, _ := filepath.Rel(s.Root, path)
	line := s.told("name", name, trace.Stable) + " " + entry.Type().String()
	info, err := entry.Info()
	if err != nil {
		return line + " gone"
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && !entry.IsDir() {
		line += fmt.Sprintf(" %v %d %d links", info.Mode(), stat.Uid, stat.Nlink)
	}
	switch {
	case entry.Name() == "journal":
		content, _ := os.ReadFile(path)
		return line + " " + s.told("journal", string(content), func(string) string { return kinds(path) })
	case name == "marks/pid", name == "state/lock", entry.IsDir():
		return line
	case entry.Type()&fs.ModeSymlink != 0:
		target, _ := os.Readlink(path)
		return line + " " + trace.Stable(target)
	case strings.HasPrefix(name, "state/"): // what undos need holds times and inodes, which are new each time
		return line + fmt.Sprint(" empty: ", info.Size() == 0)
	case entry.Type().IsRegular() && info.Size() > 1<<20: // a gwe, and it is looked at often
		return line + fmt.Sprintf(" %d bytes", info.Size())
	case entry.Type().IsRegular():
		content, _ := os.ReadFile(path)
		return line + s.told("content", string(content), func(content string) string {
			return fmt.Sprintf(" %x", sha256.Sum256([]byte(trace.Stable(content))))
		})
	}
	return line
}

// told is what make says of a text. It is asked once: most of the disk is the same from point to point.
func (s *site) told(kind, text string, make func(string) string) string {
	key := sha256.Sum256([]byte(kind + text))
	known, ok := s.known[key]
	if !ok {
		known = make(text)
		s.known[key] = known
	}
	return known
}

// kinds is what a journal tells, without the times and the process ids in it.
func kinds(path string) string {
	records, err := journal.Read(path)
	if err != nil {
		return "unreadable"
	}
	var list []string
	for _, record := range records {
		switch record.Kind {
		case "recovery", "process", "undo-step": // what comes again with every recovery
		default:
			list = append(list, record.Kind)
		}
	}
	return strings.Join(list, " ")
}
