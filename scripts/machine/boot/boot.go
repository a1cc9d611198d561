// Package boot is what every process 1 of the machines in QEMU begins with. It may import nothing of ours.
package boot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Mount mounts the file systems that the kernel itself offers, and loads the modules in /modules, in the
// order of their names.
func Mount() error {
	for _, one := range []struct{ from, to, kind string }{{"none", "/proc", "proc"}, {"none", "/sys", "sysfs"}, {"none", "/dev", "devtmpfs"}} {
		if err := os.MkdirAll(one.to, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(one.from, one.to, one.kind, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", one.to, err)
		}
	}
	modules, err := filepath.Glob("/modules/*.ko")
	if err != nil {
		return err
	}
	slices.Sort(modules)
	for _, module := range modules {
		content, err := os.ReadFile(module)
		if err != nil {
			return err
		}
		if err := unix.InitModule(content, ""); err != nil {
			return fmt.Errorf("%s: %w", module, err)
		}
	}
	return nil
}

// Parameter reads NAME=VALUE from the kernel's command line.
func Parameter(name string) string {
	line, _ := os.ReadFile("/proc/cmdline") // none is as good as empty
	for _, word := range strings.Fields(string(line)) {
		if value, found := strings.CutPrefix(word, name+"="); found {
			return value
		}
	}
	return ""
}
