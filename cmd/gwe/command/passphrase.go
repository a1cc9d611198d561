package command

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/value"
)

// passphraseFlags are --passphrase-file and --passphrase-fd. There is no flag for the passphrase itself: a
// command line is public.
type passphraseFlags struct {
	file       string
	descriptor int
}

func (f *passphraseFlags) declare(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "passphrase-file", "", "`file` whose first line is the passphrase of the secret key")
	flags.IntVar(&f.descriptor, "passphrase-fd", -1, "`number` of an open descriptor to read the passphrase from")
}

// given reads the passphrase from where the flags say; the zero secret is none.
func (f *passphraseFlags) given(ctx context.Context) (value.Secret, error) {
	switch {
	case f.file != "" && f.descriptor >= 0:
		return value.Secret{}, usagef("give --passphrase-file or --passphrase-fd, not both")
	case f.file != "":
		content, err := regular.ReadHead(ctx, f.file, passphraseLength)
		if err != nil {
			return value.Secret{}, usagef("the passphrase cannot be read: %v", err)
		}
		return firstLine(content, f.file)
	case f.descriptor >= 0:
		stream := os.NewFile(uintptr(f.descriptor), fmt.Sprintf("descriptor %d", f.descriptor))
		defer stream.Close()
		content, err := readAtMost(stream, passphraseLength)
		if err != nil {
			return value.Secret{}, usagef("the passphrase cannot be read: %v", err)
		}
		return firstLine(content, stream.Name())
	}
	return value.Secret{}, nil
}

// passphraseLength is how many bytes of a file with a passphrase are read.
const passphraseLength = 64 << 10

// firstLine is the passphrase in a file of that name.
func firstLine(content []byte, name string) (value.Secret, error) {
	line, _, _ := strings.Cut(string(content), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return value.Secret{}, usagef("the passphrase in %s is empty", name)
	}
	return value.NewSecret(line), nil
}

// canAsk reports whether there is a person to ask. A terminal that standard input does not come from does not
// count: a job that was started from one must not wait for it.
func canAsk(console *console) bool { return isTerminal(console.stdin) }

// ask reads a passphrase from the terminal without showing it.
func ask(ctx context.Context, prompt string) (value.Secret, error) {
	line, err := readUnseen(ctx, prompt)
	return value.NewSecret(line), err
}

// askNew asks twice for the passphrase of a new key. Empty is none: the zero secret.
func askNew(ctx context.Context) (value.Secret, error) {
	again := ""
	for {
		first, err := readUnseen(ctx, again+"Passphrase for the new key (empty for none): ")
		if err != nil || first == "" {
			return value.Secret{}, err
		}
		second, err := readUnseen(ctx, "Once more: ")
		if err != nil {
			return value.Secret{}, err
		}
		if first == second {
			return value.NewSecret(first), nil
		}
		again = "These were not the same. "
	}
}

// readUnseen reads one line with the echo off. It looks at the context while it waits, so that Ctrl-C ends it
// with the terminal as it was.
func readUnseen(ctx context.Context, prompt string) (string, error) {
	file, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", usagef("there is no terminal to ask for the passphrase: %v", err)
	}
	defer file.Close()
	terminal := int(file.Fd())
	before, err := unix.IoctlGetTermios(terminal, unix.TCGETS)
	if err != nil {
		return "", err
	}
	unseen := *before
	unseen.Lflag &^= unix.ECHO
	unseen.Lflag |= unix.ICANON | unix.ISIG
	if err := unix.IoctlSetTermios(terminal, unix.TCSETS, &unseen); err != nil {
		return "", err
	}
	defer func() {
		_ = unix.IoctlSetTermios(terminal, unix.TCSETS, before)
		fmt.Fprintln(file)
	}()
	fmt.Fprint(file, prompt)
	line := make([]byte, 4096)
	for {
		if ctx.Err() != nil {
			return "", fault.New(fault.Interrupted, "interrupted", "no passphrase was given").WithCause(context.Cause(ctx))
		}
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(terminal), Events: unix.POLLIN}}, 100)
		if err == unix.EINTR || err == nil && ready == 0 {
			continue
		}
		if err != nil {
			return "", err
		}
		// A terminal in this mode gives a whole line at once.
		n, err := unix.Read(terminal, line)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return "", err
		}
		if n == 0 {
			return "", usagef("no passphrase was given")
		}
		return string(bytes.TrimRight(line[:n], "\r\n")), nil
	}
}
