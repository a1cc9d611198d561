package main_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/klauspost/compress/zstd"

	"github.com/gwe-project/gwe/engine/need"
)

// The tests in bad_*_test.go give gwe something bad, by the real command line, and look at four things: the
// exit code, what is said, whether the machine is exactly as it was, and whether anything is left lying about
// or running.

// device is a machine in a directory of its own. Release fw-1 runs on it.
type device struct {
	testing.TB
	root, target, keys, state string
	// volatile is accept where the state directory lies in memory on purpose.
	volatile string
}

// newDevice makes one. Its hooks append a line to the file marks in root.
func newDevice(t testing.TB) *device {
	t.Helper()
	root := t.TempDir()
	d := &device{TB: t, root: root, target: root + "/opt", keys: root + "/keys", state: root + "/state"}
	check(t, os.Chmod(root, 0o755)) // other users than root have to get there in some tests
	d.trust(vendor(t))
	d.layOut()
	return d
}

// layOut fills the target.
func (d *device) layOut() {
	d.Helper()
	check(d, os.MkdirAll(d.target, 0o755))
	for _, one := range release("fw-1") {
		path := filepath.Join(d.target, one.name)
		switch {
		case strings.HasSuffix(one.name, "/"):
			check(d, os.MkdirAll(path, 0o755))
		case one.kind == tar.TypeSymlink:
			check(d, os.Symlink(one.link, path))
			continue
		default:
			check(d, os.WriteFile(path, []byte(one.content), 0o600))
			check(d, os.Chmod(path, one.permissions()))
		}
	}
	check(d, os.Symlink("fw-1", d.target+"/current"))
	check(d, filepath.WalkDir(d.target+"/fw-1", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return os.Chtimes(path, stamp, stamp)
	}))
}

// stamp is the time of all files of releases.
var stamp = time.Unix(1_700_000_000, 123_000_000)

// item is one entry of an archive.
type item struct {
	// name ends in a slash for a directory.
	name, content, link string
	// kind is one of tar's type flags; 0 is a file or a directory.
	kind byte
	mode int64
}

func (i item) permissions() fs.FileMode {
	if i.mode == 0 {
		return 0o644
	}
	return fs.FileMode(i.mode)
}

// release is a whole one. share/same is the same in all of them; more items come last.
func release(name string, more ...item) []item {
	hook := func(hook string) item {
		return item{name: name + "/" + hook, mode: 0o755, content: "#!/bin/sh\necho \"" + hook + " of " + name + "\" >> \"$1/../../marks\"\n"}
	}
	return append([]item{
		{name: name + "/"}, {name: name + "/share/"},
		{name: name + "/share/same", content: strings.Repeat("the same in all releases\n", 1000)},
		{name: name + "/program", content: "program of " + name, mode: 0o755},
		{name: name + "/link", link: "share/same", kind: tar.TypeSymlink},
		hook(".pre-install"), hook(".post-install"),
	}, more...)
}

// archive is the tar stream of these items.
func archive(t testing.TB, items ...item) []byte {
	t.Helper()
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, one := range items {
		header := &tar.Header{
			Name: one.name, Linkname: one.link, Typeflag: one.kind, Size: int64(len(one.content)),
			Mode: int64(one.permissions()), ModTime: stamp, Format: tar.FormatPAX,
		}
		if one.kind == 0 {
			header.Typeflag = tar.TypeReg
			if strings.HasSuffix(one.name, "/") {
				header.Typeflag, header.Mode = tar.TypeDir, 0o755
			}
		}
		check(t, writer.WriteHeader(header))
		_, err := io.WriteString(writer, one.content)
		check(t, err)
	}
	check(t, writer.Close())
	return buffer.Bytes()
}

// vendor is the key that devices trust; one for all tests.
func vendor(t testing.TB) *openpgp.Entity {
	t.Helper()
	key, err := vendorKey()
	check(t, err)
	return key
}

var vendorKey = sync.OnceValues(func() (*openpgp.Entity, error) {
	return openpgp.NewEntity("Vendor", "", "releases@vendor.example", nil)
})

// trust puts a public key into the device's keyring.
func (d *device) trust(key *openpgp.Entity) {
	d.Helper()
	check(d, os.MkdirAll(d.keys, 0o755))
	var public bytes.Buffer
	check(d, key.Serialize(&public))
	check(d, os.WriteFile(fmt.Sprintf("%s/%X.gpg", d.keys, key.PrimaryKey.Fingerprint), public.Bytes(), 0o644))
}

// pack signs a tar stream with the vendor's key and gives the package's path.
func (d *device) pack(name string, stream io.Reader) string {
	d.Helper()
	path := filepath.Join(d.root, name+".tar.zst.gpg")
	file, err := os.Create(path)
	check(d, err)
	signed, err := openpgp.Sign(file, vendor(d), &openpgp.FileHints{IsBinary: true}, nil)
	check(d, err)
	compressed, err := zstd.NewWriter(signed, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	check(d, err)
	_, err = io.Copy(compressed, stream)
	check(d, errors.Join(err, compressed.Close(), signed.Close(), file.Close()))
	return path
}

// packItems is pack for a list of entries.
func (d *device) packItems(name string, items ...item) string {
	d.Helper()
	return d.pack(name, bytes.NewReader(archive(d, items...)))
}

// outcome is how a command ended.
type outcome struct {
	code int
	// text is all that was said, stdout and stderr mixed; stdout is without the other.
	text, stdout string
	// memory is the most that the process had resident, in bytes.
	memory int64
}

// mostMemory is what gwe may take whatever it is given, in bytes. Without the race detector it takes a fifth
// of that.
const mostMemory = 256 << 20

// gwe runs a command to its end.
func (d *device) gwe(arguments ...string) outcome {
	d.Helper()
	return d.end(d.command(arguments...))
}

// command is gwe on this device, ready to start.
func (d *device) command(arguments ...string) *exec.Cmd {
	d.Helper()
	ctx, cancel := context.WithTimeout(d.Context(), time.Minute)
	d.Cleanup(cancel)
	command := exec.CommandContext(ctx, "gwe", arguments...)
	command.Dir = d.root
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.root, "GWE_STATE_DIR=" + d.state, "NO_COLOR=1",
		"GWE_VOLATILE_STATE=" + d.volatile,
		"GORACE=atexit_sleep_ms=0"} // else each process of the race detector's build waits a second at its end
	return command
}

func (d *device) end(command *exec.Cmd) outcome {
	d.Helper()
	var stdout, text bytes.Buffer
	mixed := &lockedWriter{to: &text}
	if command.Stdout == nil {
		command.Stdout = io.MultiWriter(&stdout, mixed)
	}
	if command.Stderr == nil {
		command.Stderr = mixed
	}
	if err := command.Start(); err != nil {
		d.Fatal(err)
	}
	ended, memory := make(chan struct{}), make(chan int64)
	go func() { memory <- peakOf(command.Process.Pid, ended) }()
	err := command.Wait()
	close(ended)
	peak := <-memory
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		d.Fatal(err)
	}
	status := command.ProcessState.Sys().(syscall.WaitStatus)
	code := status.ExitStatus()
	if status.Signaled() {
		code = 1000 + int(status.Signal()) // no exit code of gwe's
	}
	return outcome{code, text.String(), stdout.String(), peak}
}

// peakOf is the peak memory of a process in bytes, asked again and again while it runs. (What wait tells of a
// child includes the memory of the parent, which it had before it became another program.)
func peakOf(pid int, ended <-chan struct{}) (peak int64) {
	for {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if _, line, found := strings.Cut(string(status), "VmHWM:"); found {
			var kibibytes int64
			if _, err := fmt.Sscan(line, &kibibytes); err == nil {
				peak = max(peak, kibibytes<<10)
			}
		}
		select {
		case <-ended:
			return peak
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// lockedWriter takes what several goroutines write.
type lockedWriter struct {
	mutex sync.Mutex
	to    io.Writer
}

func (w *lockedWriter) Write(data []byte) (int, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.to.Write(data)
}

// update runs the shipped recipe with a package.
func (d *device) update(path string, more ...string) outcome {
	d.Helper()
	return d.gwe(append(d.updating(path), more...)...)
}

func (d *device) updating(path string) []string {
	return []string{"run", "ota", "-i", "package=" + path, "-i", "target=" + d.target, "-i", "keyring=" + d.keys}
}

// said fails the test where the end was another one, or where words are missing.
func (o outcome) said(t testing.TB, code int, words ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, not %d:\n%s", o.code, code, o.text)
		return
	}
	for _, one := range words {
		if !strings.Contains(o.text, one) {
			t.Errorf("nothing is said of %q:\n%s", one, o.text)
		}
	}
}

// holds takes down how the target is now; the returned function fails the test where it is not just so again,
// or where anything of gwe's is left on the device, a process or a file.
func (d *device) holds() func() {
	d.Helper()
	before := d.snapshot()
	return func() {
		d.Helper()
		after := d.snapshot()
		for _, name := range slices.Sorted(maps.Keys(after)) {
			if before[name] == "" {
				d.Errorf("%s is new: %s", name, after[name])
			}
		}
		for _, name := range slices.Sorted(maps.Keys(before)) {
			if after[name] != before[name] {
				d.Errorf("%s was\n%s, and is\n%s", name, before[name], after[name])
			}
		}
		d.clean()
	}
}

// snapshot tells of each name in the target what people could miss, or find changed. The time of the target
// itself is left out: a name came and went.
func (d *device) snapshot() map[string]string {
	d.Helper()
	tree := map[string]string{}
	check(d, filepath.WalkDir(d.target, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		status := info.Sys().(*syscall.Stat_t)
		said := fmt.Sprintf("%v %d:%d", info.Mode(), status.Uid, status.Gid)
		if path != d.target {
			said += fmt.Sprintf(" %d links, %v", status.Nlink, info.ModTime().UTC())
		}
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			said += fmt.Sprintf(" inode %d, %d bytes %x", status.Ino, len(content), sha256.Sum256(content))
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			said += " -> " + to
		}
		tree[path] = said
		return nil
	}))
	return tree
}

// clean fails the test where a temporary file or a process of gwe's is left. What a run keeps that can be
// rolled back is none.
func (d *device) clean() {
	d.Helper()
	kept := func(name string) bool {
		if strings.HasPrefix(name, ".gwe-unfinished-") {
			return slices.ContainsFunc(d.runs(), func(run string) bool { return d.mark(run) != "" && !d.ended(run) })
		}
		return slices.ContainsFunc(d.runs(), func(run string) bool {
			_, err := os.Lstat(filepath.Join(d.state, "runs", run, "frames"))
			return err == nil && strings.HasPrefix(name, ".gwe-old-"+run+"-")
		})
	}
	check(d, filepath.WalkDir(d.root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(entry.Name(), ".gwe-") && entry.Name() != ".gwe-releases" && !kept(entry.Name()) {
			d.Errorf("%s is left", path)
		}
		return err
	}))
	for _, run := range d.runs() {
		for _, pid := range processesOf("GWE_RUN_ID="+run, "GWE_PROCESS="+run+"-"+d.mark(run)) {
			d.Errorf("process %s of run %s lives on", pid, run)
		}
	}
}

// runs lists the ids of the device's runs, oldest first.
func (d *device) runs() []string {
	d.Helper()
	entries, err := os.ReadDir(d.state + "/runs")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	check(d, err)
	var ids []string
	for _, entry := range entries {
		ids = append(ids, entry.Name())
	}
	return ids
}

// processesOf finds living processes by a variable of their environment.
func processesOf(variable, beginning string) []string {
	var found []string
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		content, _ := os.ReadFile(path)
		variables := strings.Split(string(content), "\x00")
		if slices.Contains(variables, variable) && slices.ContainsFunc(variables, func(one string) bool { return strings.HasPrefix(one, beginning) }) {
			found = append(found, filepath.Base(filepath.Dir(path)))
		}
	}
	return found
}

// mark tells the run's processes from those of a run of this name in another test's state directory; "" where
// it has no journal.
func (d *device) mark(run string) string {
	content, _ := os.ReadFile(filepath.Join(d.state, "runs", run, "journal"))
	_, after, _ := strings.Cut(string(content), `"mark":"`)
	mark, _, _ := strings.Cut(after, `"`)
	return mark
}

func (d *device) ended(run string) bool {
	content, _ := os.ReadFile(filepath.Join(d.state, "runs", run, "journal"))
	return strings.Contains(string(content), `"kind":"end"`)
}

// running fails the test where another release runs, or where other hooks ran than these.
func (d *device) running(name string, marks ...string) {
	d.Helper()
	if link, err := os.Readlink(d.target + "/current"); err != nil || link != name {
		d.Errorf("current is %q, not %q (%v)", link, name, err)
	}
	content, err := os.ReadFile(d.root + "/marks")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.Fatal(err)
	}
	var ran []string
	for line := range strings.Lines(string(content)) {
		ran = append(ran, strings.TrimSuffix(line, "\n"))
	}
	if !slices.Equal(ran, marks) {
		d.Errorf("the hooks %q ran, not %q", ran, marks)
	}
}

// recipe writes a recipe file into the device's directory and gives its path.
func (d *device) recipe(name, text string) string {
	d.Helper()
	path := filepath.Join(d.root, name)
	check(d, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// mount puts a small file system at a path, until the end of the test.
func (d *device) mount(path, options string, flags uintptr) {
	d.Helper()
	need.Root(d, "it mounts")
	check(d, os.MkdirAll(path, 0o755))
	check(d, syscall.Mount("tmpfs", path, "tmpfs", flags, options))
	d.Cleanup(func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) })
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
