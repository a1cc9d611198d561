package process

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
)

// Examine tells, without running it, what keeps a program or script from being executed: it is missing, is no
// file, has no execute bit, lies on a file system mounted noexec, or its interpreter is missing. For
// `#!/usr/bin/env NAME` the name is looked up in the environment's PATH. The fault codes are those of Run;
// they are permanent.
func Examine(path string, environment []string) error {
	status, err := os.Stat(path)
	if err != nil {
		missing := fault.New(fault.Failed, "process-not-found", "cannot run %s", path).WithCause(err)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			missing = missing.WithHint("see what is there: ls -l %s", filepath.Dir(path)).AsPermanent()
		}
		return missing
	}
	if !status.Mode().IsRegular() {
		return fault.New(fault.Failed, "process-not-executable", "cannot run %s: it is not a regular file", path).
			WithHint("name the program itself: ls -ld %s", path).AsPermanent()
	}
	if err := executable(path); err != nil {
		return notExecutable(path)
	}
	return examineInterpreter(path, environment)
}

func notExecutable(path string) error {
	status, err := os.Stat(path)
	if err == nil && status.Mode()&0o111 == 0 {
		return fault.New(fault.Failed, "process-not-executable", "cannot run %s: it has no execute bit", path).
			WithHint("set it where the file is made: chmod +x %s", filepath.Base(path)).AsPermanent()
	}
	var system unix.Statfs_t
	if unix.Statfs(path, &system) == nil && system.Flags&unix.ST_NOEXEC != 0 {
		return fault.New(fault.Failed, "process-no-exec", "cannot run %s: its file system is mounted noexec", path).
			WithHint("put it on another file system, or mount this one without noexec").AsPermanent()
	}
	return fault.New(fault.Failed, "process-not-executable", "cannot run %s: this user may not execute it", path).
		WithHint("see the mode and owner of the file and of the directories above it").WithCause(syscall.EACCES).AsPermanent()
}

// examineInterpreter sees to a script's #! line and to a program's dynamic loader. Other formats are left to
// the kernel: it may know more of them (binfmt_misc).
func examineInterpreter(path string, environment []string) error {
	file, err := regular.OpenForeign(context.Background(), path)
	if err != nil {
		return nil // executable but not readable: nothing can be told in advance
	}
	defer file.Close()
	head, err := io.ReadAll(io.LimitReader(file, 256)) // the kernel reads no more of it
	if err != nil {
		return nil
	}
	line, script := bytes.CutPrefix(head, []byte("#!"))
	if !script {
		return examineLoader(path, file)
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	if bytes.HasSuffix(line, []byte("\r")) {
		return fault.New(fault.Failed, "process-interpreter-missing",
			"cannot run %s: its #! line ends in a carriage return, and no interpreter is named so", path).
			WithHint("the file has the line ends of Windows: save it with those of Unix").AsPermanent()
	}
	interpreter, argument := strings.Trim(string(line), " \t"), ""
	if blank := strings.IndexAny(interpreter, " \t"); blank >= 0 {
		interpreter, argument = interpreter[:blank], strings.Trim(interpreter[blank:], " \t")
	}
	if interpreter == "" {
		return fault.New(fault.Failed, "process-no-shebang", "cannot run %s: its #! line names no interpreter", path).
			WithHint("start it with a line such as #!/bin/sh").AsPermanent()
	}
	if err := executable(interpreter); err != nil {
		return fault.New(fault.Failed, "process-interpreter-missing", "cannot run %s: its interpreter %s %s", path, interpreter, lack(err)).
			WithHint("install %s, or name another interpreter in the first line", interpreter).WithCause(err).AsPermanent()
	}
	if filepath.Base(interpreter) == "env" && argument != "" && !strings.HasPrefix(argument, "-") && !strings.Contains(argument, "=") {
		if _, err := LookPath(argument, environment); err != nil {
			return fault.New(fault.Failed, "process-interpreter-missing", "cannot run %s: its interpreter is missing", path).
				WithHint("install %s, or name another interpreter in the first line", argument).WithCause(err).AsPermanent()
		}
	}
	return nil
}

// lack says in words what the error of an interpreter means.
func lack(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "does not exist"
	}
	return "cannot be executed"
}

// examineLoader sees whether the dynamic loader that an ELF program names is there: it is not where the
// program was built for another C library.
func examineLoader(path string, file io.ReaderAt) error {
	program, err := readELF(file)
	if err != nil {
		return nil
	}
	loader := program.loader()
	if loader == "" {
		return nil
	}
	if err := executable(loader); err != nil {
		return fault.New(fault.Failed, "process-interpreter-missing", "cannot run %s: its dynamic loader %s %s", path, loader, lack(err)).
			WithHint("it was built for another C library or machine: take the build for this one").WithCause(err).AsPermanent()
	}
	return nil
}

// explainStart says why a program could not be started.
func explainStart(path string, command Command, cause error) error {
	path = command.onDisk(path)
	if f := fault.As(cause); f != nil {
		return f
	}
	switch {
	case errors.Is(cause, syscall.E2BIG):
		return fault.New(fault.Failed, "process-arguments-too-long",
			"cannot run %s: its arguments and environment are larger than the kernel allows", path).
			WithHint("one argument may have 128 KiB: pass large values by a file or by standard input").WithCause(cause).AsPermanent()
	case errors.Is(cause, syscall.ENOEXEC):
		return wrongFormat(path, cause)
	}
	if err := Examine(path, command.Environment); err != nil {
		return err
	}
	class := fault.Errored
	if errors.Is(cause, fs.ErrPermission) || errors.Is(cause, fs.ErrNotExist) || errors.Is(cause, syscall.ETXTBSY) {
		class = fault.Failed
	}
	return fault.New(class, "process-start", "cannot run %s", path).WithCause(cause)
}

// wrongFormat tells a script without its first line from a program for another machine.
func wrongFormat(path string, cause error) error {
	if file, err := regular.OpenForeign(context.Background(), path); err == nil {
		defer file.Close()
		if program, err := readELF(file); err == nil {
			return fault.New(fault.Failed, "process-wrong-format", "cannot run %s: it is a program for another machine (%s)", path, program.machine).
				WithHint("take the build for this machine").WithCause(cause).AsPermanent()
		}
	}
	return fault.New(fault.Failed, "process-no-shebang", "cannot run %s: it is neither a program nor a script with a #! line", path).
		WithHint("a script must start with a line such as #!/bin/sh").WithCause(cause).AsPermanent()
}
