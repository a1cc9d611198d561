// Command bench compares gwe with what it replaces and with its peers: pipelines of gpg, tar and rsync, rsync
// alone, OSTree, casync and SWUpdate. A first install and an update of a made-up firmware, each until all is
// on the disk, in one run on this machine. Each contender has a fresh file system of its own in each round,
// and they take turns. It judges nothing: it prints medians with their span, ratios, memory, and bytes
// written and fetched.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

func main() {
	short := pflag.Bool("short", false, "a small firmware and one round: shows that it works, measures nothing")
	rounds := pflag.Int("rounds", 7, "how often each is measured")
	files := pflag.Int("files", 2000, "files of the firmware")
	mebibytes := pflag.Int64("mib", 200, "size of the firmware in MiB")
	many := pflag.Int("many", 200_000, "files of the directory of many files")
	directory := pflag.String("directory", "", "where the scratch directory is made, with the contenders' file systems (default: that of temporary files)")
	page := pflag.String("write", "", "a page whose tables are replaced: docs/performance.md")
	pflag.Parse()
	if *short {
		*rounds, *files, *mebibytes, *many = 1, 200, 8, 2000
	}
	tables, err := bench(*directory, *rounds, firmware{*files, *mebibytes << 20, 64}, firmware{*many, int64(*many) * 100, 1})
	if err == nil && *page != "" {
		err = write(*page, tables)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// mark is where the tables of a page begin; they go to its end.
const mark = "<!-- What follows was written by scripts/bench/run --write. -->\n"

// write replaces the tables of a page.
func write(page, tables string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, _, found := strings.Cut(string(text), mark)
	if !found {
		return fmt.Errorf("%s has no line %q", page, strings.TrimSpace(mark))
	}
	return os.WriteFile(page, []byte(before+mark+tables), 0o644)
}

// bench runs in a scratch directory, which goes in any case.
func bench(parent string, rounds int, usual, flat firmware) (tables string, err error) {
	if err := ready(); err != nil {
		return "", err
	}
	scratch, err := os.MkdirTemp(parent, "gwe-bench-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, os.Interrupt, syscall.SIGTERM)
	fmt.Println("building gwe")
	gwe, err := build(scratch)
	if err != nil {
		return "", err
	}
	tables = fmt.Sprintf("\nMeasured on %s: %s.\n", time.Now().UTC().Format(time.DateOnly), machine())
	for _, one := range []struct {
		title  string
		made   firmware
		rounds int
		ready  func(*scene) ([]*contender, error)
		note   string
	}{
		{"Signed packages", usual, rounds, packages, packagesNote},
		{"Directories, against rsync", usual, rounds, copies, copiesNote},
		{"A directory of many files, against rsync", flat, 1, copies, copiesNote},
	} {
		title := fmt.Sprintf("\n## %s\n\n%d files, %d MiB; medians of %d rounds.\n", one.title, one.made.files, one.made.bytes>>20, one.rounds)
		fmt.Print(title, "\n")
		table, err := compete(filepath.Join(scratch, "race"), gwe, one.made, one.rounds, one.ready, stopped)
		if err != nil {
			return "", err
		}
		fmt.Print(table, "\n", one.note)
		tables += title + table + "\n" + one.note
	}
	return tables, nil
}

// compete measures the contenders of one race, and gives their table.
func compete(directory, gwe string, made firmware, rounds int, ready func(*scene) ([]*contender, error), stopped <-chan os.Signal) (table string, err error) {
	if err := made.make(directory); err != nil {
		return "", err
	}
	s := &scene{directory: directory, gwe: gwe}
	if s.server, err = serve(s.in("served")); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.server.stop(), os.RemoveAll(directory)) }()
	contenders, err := ready(s)
	if err != nil {
		return "", err
	}
	for round := range rounds {
		fmt.Printf("round %d of %d\n", round+1, rounds)
		if err := race(contenders, round, made, stopped); err != nil {
			return "", err
		}
	}
	return report(contenders), nil
}

// race is one round: each contender begins with an empty file system, and each time another one is the first.
func race(contenders []*contender, round int, made firmware, stopped <-chan os.Signal) (err error) {
	defer func() {
		for _, one := range contenders {
			err = errors.Join(err, one.end())
		}
	}()
	for _, one := range contenders { // room for several releases, in blocks of 4 KiB, and for the inodes
		if err := one.begin(6*made.bytes+512<<20+int64(made.files)*32<<10, 8*made.files+10_000); err != nil {
			return err
		}
	}
	for version := 1; version <= 2; version++ {
		for i := range contenders {
			select {
			case <-stopped:
				return errors.New("stopped")
			default:
			}
			if err := contenders[(i+round)%len(contenders)].measure(version); err != nil {
				return err
			}
		}
	}
	return alike(contenders)
}

// ready makes sure of what the run needs.
func ready() error {
	if os.Geteuid() != 0 {
		return errors.New("run it as root: only root restores the owners of files")
	}
	var missing []string
	for _, program := range []string{"gpg", "rsync", "tar", "gzip", "zstd", "diff", "ostree", "casync", "swupdate", "openssl", "cpio", "curl", "mkfs.ext4", "losetup"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing: %s; on Debian: apt-get install gnupg rsync tar gzip zstd diffutils ostree casync swupdate openssl cpio curl e2fsprogs", strings.Join(missing, ", "))
	}
	return nil
}

// alike makes sure that what was measured did the same work: the same tree runs everywhere.
func alike(contenders []*contender) error {
	for _, one := range contenders[1:] {
		command := exec.Command("diff", "-r", "--no-dereference",
			filepath.Join(contenders[0].target(), "current")+"/", filepath.Join(one.target(), "current")+"/")
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%s and %s installed different trees: %v\n%.2000s", contenders[0].name, one.name, err, output)
		}
	}
	return nil
}
