// Command bench compares gwe with what it replaces: the pipeline of gpg, tar and rsync, and rsync alone. A
// first install and an update of a made-up firmware, each until all is on the disk, in one run on this
// machine. It judges nothing: it prints medians, their ratios and gwe's peak memory.
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

	"github.com/spf13/pflag"
)

func main() {
	short := pflag.Bool("short", false, "a small firmware and one round: shows that it works, measures nothing")
	rounds := pflag.Int("rounds", 7, "how often each is measured")
	files := pflag.Int("files", 2000, "files of the firmware")
	mebibytes := pflag.Int64("mib", 200, "size of the firmware in MiB")
	many := pflag.Int("many", 200_000, "files of the directory of many files")
	directory := pflag.String("directory", "", "where the scratch directory is made: the file system that is measured (default: that of temporary files)")
	pflag.Parse()
	if *short {
		*rounds, *files, *mebibytes, *many = 1, 200, 8, 2000
	}
	if err := bench(*directory, *rounds, firmware{*files, *mebibytes << 20, 64}, firmware{*many, int64(*many) * 100, 1}); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench runs in a scratch directory, which goes in any case.
func bench(parent string, rounds int, usual, flat firmware) (err error) {
	if err := ready(); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(parent, "gwe-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, os.Interrupt, syscall.SIGTERM)
	fmt.Println("building gwe")
	gwe, err := build(scratch)
	if err != nil {
		return err
	}
	for _, one := range []struct {
		title  string
		made   firmware
		rounds int
		ready  func(scratch, gwe string) ([]*contender, error)
		note   string
	}{
		{"packages, against the pipeline that they replace", usual, rounds, packages, ""},
		{"directories, against rsync", usual, rounds, copies, copiesNote},
		{"a directory of many files, against rsync", flat, 1, copies, copiesNote},
	} {
		fmt.Printf("\n%s\nmaking two releases of a firmware: %d files, %d MiB, 5 %% changed\n", one.title, one.made.files, one.made.bytes>>20)
		directory := filepath.Join(scratch, "race")
		if err := one.made.make(directory); err != nil {
			return err
		}
		contenders, err := one.ready(directory, gwe)
		if err == nil {
			err = race(contenders, one.rounds, stopped)
		}
		if err == nil {
			err = os.RemoveAll(directory)
		}
		if err != nil {
			return err
		}
		report(contenders)
		fmt.Print(one.note)
	}
	return nil
}

// race measures the contenders in turn.
func race(contenders []*contender, rounds int, stopped <-chan os.Signal) error {
	for round := range rounds {
		fmt.Printf("round %d of %d\n", round+1, rounds)
		for version := 1; version <= 2; version++ {
			for _, one := range contenders {
				select {
				case <-stopped:
					return errors.New("stopped")
				default:
				}
				if err := one.measure(version); err != nil {
					return err
				}
			}
		}
		if err := alike(contenders); err != nil {
			return err
		}
		for _, one := range contenders {
			if err := os.RemoveAll(one.home); err != nil {
				return err
			}
		}
	}
	return nil
}

// ready makes sure of what the run needs.
func ready() error {
	if os.Geteuid() != 0 {
		return errors.New("run it as root: only root restores the owners of files")
	}
	var missing []string
	for _, program := range []string{"gpg", "rsync", "tar", "gzip", "diff"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing: %s; on Debian: apt-get install gnupg rsync tar gzip diffutils", strings.Join(missing, ", "))
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
