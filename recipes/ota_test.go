package recipes_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestARealTree packs, installs, updates and rolls back the Go distribution's own source, over 10,000 files,
// and compares the releases file by file with what gpg, GNU tar and rsync make of the same packages.
func TestARealTree(t *testing.T) {
	d := newDevice(t)
	goroot := strings.TrimSpace(d.output("go", "env", "GOROOT"))
	for n := 1; n <= 3; n++ {
		release := fmt.Sprintf("%s/src/golang-%d", d.directory, n)
		d.must("mkdir", "-p", filepath.Dir(release))
		if n == 1 {
			d.must("cp", "-a", filepath.Join(goroot, "src"), release)
		} else {
			d.must("cp", "-a", fmt.Sprintf("%s/src/golang-%d", d.directory, n-1), release)
			d.change(release, n)
		}
	}
	d.write("src/golang-3/.post-install", "#!/bin/sh\necho \"this release does not start\" >&2\nexit 1\n", 0o755)
	for n := 1; n <= 3; n++ {
		d.gwe(0, "pack", fmt.Sprintf("%s/src/golang-%d", d.directory, n), "--key", d.directory+"/vendor.key", "--to", d.directory)
	}

	d.update(0, 1)
	d.unpackedByTar(1)
	d.wantSame(d.tree("opt/golang-1", false), d.tree("tar/golang-1", false))

	d.update(0, 2)
	d.unpackedByTar(2)
	d.must("mkdir", "-p", d.directory+"/rsync")
	d.must("rsync", "-a", d.directory+"/tar/golang-1/", d.directory+"/rsync/golang-1/")
	d.must("rsync", "-a", "--link-dest="+d.directory+"/rsync/golang-1", d.directory+"/tar/golang-2/", d.directory+"/rsync/golang-2/")
	d.wantSame(d.tree("opt/golang-2", true), d.tree("rsync/golang-2", true))
	d.wantSame(d.tree("opt/golang-1", true), d.tree("rsync/golang-1", true))

	before := d.tree("opt", true)
	d.update(3, 3)
	d.wantSame(d.tree("opt", true), before)
	if len(before) < 20_000 {
		t.Errorf("only %d entries were compared", len(before))
	}
}

// TestMemoryIsBounded installs and updates a big package in at most 32 MiB of memory. It has 512 MiB here;
// GWE_MEMORY_MIB=2048 tries another size.
func TestMemoryIsBounded(t *testing.T) {
	d := newDevice(t)
	size := 512
	if given := os.Getenv("GWE_MEMORY_MIB"); given != "" {
		if _, err := fmt.Sscan(given, &size); err != nil {
			t.Fatalf("GWE_MEMORY_MIB: %v", err)
		}
	}
	for n := 1; n <= 2; n++ {
		release := fmt.Sprintf("%s/src/golang-%d", d.directory, n)
		d.must("mkdir", "-p", release)
		for part := range 8 {
			if file := fmt.Sprintf("/part-%d", part); n == 1 || part == 3 {
				d.must("sh", "-c", fmt.Sprintf("head -c %dM /dev/urandom > %s", size/8, release+file))
			} else {
				d.must("ln", fmt.Sprintf("%s/src/golang-1%s", d.directory, file), release+file)
			}
		}
		d.gwe(0, "pack", release, "--key", d.directory+"/vendor.key", "--to", d.directory)
		d.update(0, n)
		t.Logf("peak %d: %d", n, d.peak)
		if d.peak == 0 || d.peak > 32<<10 {
			t.Errorf("update %d took %d KiB of memory, want at most 32 MiB", n, d.peak)
		}
	}
}

// device is a scratch machine: a built gwe, a key, a keyring and a target.
type device struct {
	*testing.T
	directory string
	// peak is the resident memory in KiB that the last gwe had at most.
	peak int64
}

func newDevice(t *testing.T) *device {
	t.Helper()
	d := &device{T: t, directory: t.TempDir()}
	// The race detector of the test binary would make a tree of this size take minutes. A device gets a
	// program without cgo.
	d.must("env", "CGO_ENABLED=0", "go", "build", "-o", d.directory+"/gwe", "../cmd/gwe")
	d.must("mkdir", "-p", d.directory+"/opt", d.directory+"/keys", d.directory+"/tar")
	d.gwe(0, "keys", "new", "vendor", "--to", d.directory)
	d.gwe(0, "keys", "import", d.directory+"/vendor.asc", "--keyring", d.directory+"/keys")
	return d
}

func (d *device) update(exit, n int) {
	d.Helper()
	d.gwe(exit, "run", "ota", "-i", fmt.Sprintf("package=%s/golang-%d.tar.zst.gpg", d.directory, n), "-i", "target="+d.directory+"/opt", "-i", "keyring="+d.directory+"/keys")
}

// TestFromAServer updates with the package's address: next to nothing of it is fetched.
func TestFromAServer(t *testing.T) {
	d := newDevice(t)
	for n := 1; n <= 2; n++ {
		release := fmt.Sprintf("%s/src/golang-%d", d.directory, n)
		d.must("mkdir", "-p", release)
		for part := range 40 {
			seed := uint64(part)
			if part == 7 {
				seed += uint64(100 * n) // the one that changes
			}
			content := make([]byte, 50_000)
			source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
			_, _ = source.Read(content)
			d.write(fmt.Sprintf("src/golang-%d/part-%d", n, part), string(content), 0o644)
		}
		d.gwe(0, "pack", release, "--key", d.directory+"/vendor.key", "--to", d.directory)
	}
	d.update(0, 1)
	var sent atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(&counting{w, &sent}, r, filepath.Join(d.directory, filepath.Base(r.URL.Path)))
	}))
	defer server.Close()
	d.gwe(0, "run", "ota", "-i", "package="+server.URL+"/golang-2.tar.zst.gpg", "-i", "target="+d.directory+"/opt", "-i", "keyring="+d.directory+"/keys")
	d.unpackedByTar(2)
	d.wantSame(d.tree("opt/golang-2", false), d.tree("tar/golang-2", false))
	if info, err := os.Stat(d.directory + "/golang-2.tar.zst.gpg"); err != nil || sent.Load() == 0 || sent.Load() > info.Size()/8 {
		t.Errorf("%d bytes were fetched of %v (%v)", sent.Load(), info, err)
	}
}

// counting counts what a server sends.
type counting struct {
	http.ResponseWriter
	sent *atomic.Int64
}

func (c *counting) Write(p []byte) (int, error) {
	c.sent.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}

// unpackedByTar unpacks a package with gpg, zstd and GNU tar, as an administrator would by hand.
func (d *device) unpackedByTar(n int) {
	d.Helper()
	home := d.directory + "/gnupg"
	if _, err := os.Stat(home); err != nil {
		d.must("mkdir", "-m", "700", home)
		d.must("gpg", "--homedir", home, "--batch", "--quiet", "--import", d.directory+"/vendor.asc")
	}
	d.must("sh", "-c", fmt.Sprintf("gpg --homedir %s --batch --quiet --trust-model always --decrypt %s/golang-%d.tar.zst.gpg 2>/dev/null | zstd -dc | tar xp --numeric-owner -C %s/tar", home, d.directory, n, d.directory))
}

// change makes the next version: one file in twenty gets another content, some go, some come.
func (d *device) change(release string, seed int) {
	d.Helper()
	count := 0
	err := filepath.WalkDir(release, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		count++
		switch {
		case count%20 == seed:
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, append(content, fmt.Sprintf("// version %d\n", seed)...), 0o644)
		case count%997 == 0:
			return os.Remove(path)
		}
		return nil
	})
	if err != nil {
		d.Fatal(err)
	}
	d.write(strings.TrimPrefix(release, d.directory+"/")+fmt.Sprintf("/added-%d", seed), "new", 0o600)
}

// tree describes every entry below a directory: kind, mode, owner, size, time and content, and the number of
// links if asked for.
func (d *device) tree(name string, links bool) map[string]string {
	d.Helper()
	root := filepath.Join(d.directory, name)
	entries := map[string]string{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		status := info.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%v %d:%d", info.Mode(), status.Uid, status.Gid)
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %x %v", sha256.Sum256(content), info.ModTime().UnixNano())
			if links {
				line += fmt.Sprintf(" %d links", status.Nlink)
			}
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " -> " + target
		case path != root:
			line += fmt.Sprintf(" %v", info.ModTime().UnixNano())
		}
		relative, err := filepath.Rel(root, path)
		entries[relative] = line
		return err
	})
	if err != nil {
		d.Fatal(err)
	}
	return entries
}

func (d *device) wantSame(got, want map[string]string) {
	d.Helper()
	shown := 0
	for name := range want {
		if got[name] != want[name] && shown < 10 {
			d.Errorf("%s is\n  %s, want\n  %s", name, got[name], want[name])
			shown++
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok && shown < 20 {
			d.Errorf("%s should not be there", name)
			shown++
		}
	}
}

func (d *device) write(name, content string, mode fs.FileMode) {
	d.Helper()
	if err := os.WriteFile(filepath.Join(d.directory, name), []byte(content), mode); err != nil {
		d.Fatal(err)
	}
}

func (d *device) gwe(exit int, arguments ...string) {
	d.Helper()
	command := exec.Command(d.directory+"/gwe", append([]string{"--state-dir", d.directory + "/state"}, arguments...)...)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	err := command.Start()
	if err == nil {
		watched := watchMemory(command.Process.Pid)
		err = command.Wait()
		d.peak = watched()
	}
	if command.ProcessState == nil || command.ProcessState.ExitCode() != exit {
		d.Fatalf("gwe %s: %v, want exit code %d\n%s", strings.Join(arguments, " "), err, exit, output.String())
	}
}

// watchMemory looks at a process's peak of resident memory until the returned function is called, which gives
// it in KiB. (The kernel's account of an ended child counts the parent's pages too, from between fork and
// exec.)
func watchMemory(pid int) func() int64 {
	done, peak := make(chan struct{}), make(chan int64)
	go func() {
		var highest int64
		for {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if _, line, found := strings.Cut(string(status), "VmHWM:"); err == nil && found {
				var now int64
				_, _ = fmt.Sscan(line, &now)
				highest = now
			}
			select {
			case <-done:
				peak <- highest
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() int64 { close(done); return <-peak }
}

func (d *device) must(program string, arguments ...string) {
	d.Helper()
	d.output(program, arguments...)
}

func (d *device) output(program string, arguments ...string) string {
	d.Helper()
	output, err := exec.Command(program, arguments...).CombinedOutput()
	if err != nil {
		d.Fatalf("%s: %v\n%s", program, err, output)
	}
	return string(output)
}
