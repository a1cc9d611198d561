package process

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
)

// BaseEnvironment is what every program of a run starts from, the same on every machine:
//
//	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
//	HOME=<gwe's own, or / where it has none>
//	LANG=C.UTF-8
//	TERM=dumb
//	TZ=<gwe's own, only where it has one>
//
// Nothing else of gwe's own environment is passed on: what a program needs stands in the recipe, and a token
// in the environment of the service that started gwe reaches no hook.
func BaseEnvironment() []string {
	home := os.Getenv("HOME")
	if !filepath.IsAbs(home) {
		home = "/"
	}
	environment := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + home,
		"LANG=C.UTF-8",
		"TERM=dumb",
	}
	if zone, ok := os.LookupEnv("TZ"); ok {
		environment = append(environment, "TZ="+zone)
	}
	return environment
}

// SearchPath is the PATH by which a program without a slash is found in an environment.
func SearchPath(environment []string) string { return variable(environment, "PATH") }

// merged keeps the last entry of each name, in the place of the first.
func merged(environment []string) []string {
	var kept []string
	place := map[string]int{}
	for _, entry := range environment {
		name, _, _ := strings.Cut(entry, "=")
		if at, ok := place[name]; ok {
			kept[at] = entry
			continue
		}
		place[name] = len(kept)
		kept = append(kept, entry)
	}
	return kept
}

// variable gives the value that a program with this environment would see.
func variable(environment []string, name string) string {
	for _, entry := range slices.Backward(environment) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// LookPath finds a program by its name in the PATH of an environment. Relative directories in PATH are passed
// over: what runs must not depend on where gwe was started.
func LookPath(name string, environment []string) (string, error) {
	search := variable(environment, "PATH")
	var denied string
	for _, directory := range filepath.SplitList(search) {
		if !filepath.IsAbs(directory) {
			continue
		}
		path := filepath.Join(directory, name)
		status, err := os.Stat(path)
		if err != nil || status.IsDir() {
			continue
		}
		if executable(path) == nil {
			return path, nil
		}
		denied = path
	}
	if denied != "" {
		return "", notExecutable(denied)
	}
	return "", fault.New(fault.Failed, "process-not-found", "there is no program %s in PATH=%s", name, search).
		WithHint("install it, or give its whole path").WithCause(fs.ErrNotExist).AsPermanent()
}

// program gives the path to execute.
func (c Command) program() (string, error) {
	name := c.Arguments[0]
	if strings.Contains(name, "/") {
		return name, nil
	}
	return LookPath(name, c.Environment)
}

// Examine tells, without running it, what keeps the command's program from being executed; see the function
// Examine.
func (c Command) Examine() error {
	if err := c.check(); err != nil {
		return err
	}
	dir, err := c.enter()
	if err != nil {
		return err
	}
	dir.Close()
	path, err := c.program()
	if err != nil {
		return err
	}
	return Examine(c.onDisk(path), c.Environment)
}

// onDisk is the program's path as gwe itself would open it.
func (c Command) onDisk(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.Directory, path)
}

// executable asks the kernel whether this user may execute the file, file system included.
func executable(path string) error {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS)
}
