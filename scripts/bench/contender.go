package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// contender is one way to install a package.
type contender struct {
	name string
	// home is a directory of its own, with the target in it; it is made anew in each round.
	home string
	// command installs release 1 or 2.
	command func(version int) *exec.Cmd
	// seconds are the times of the two releases; memory is the most that it used, in KiB, where that is
	// measured.
	seconds [2][]float64
	memory  int64
	watch   bool
}

func (c *contender) target() string { return filepath.Join(c.home, "target") }

// build builds gwe as a device gets it.
func build(scratch string) (gwe string, err error) {
	gwe = filepath.Join(scratch, "gwe")
	return gwe, must([]string{"env", "CGO_ENABLED=0", "go", "build", "-o", gwe, "./cmd/gwe"})
}

func must(steps ...[]string) error {
	for _, words := range steps {
		if output, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %v\n%s", words, err, output)
		}
	}
	return nil
}

// packages makes a key, packs both releases in the old form and in the new, and gives who installs them.
func packages(scratch, gwe string) ([]*contender, error) {
	in := func(name string) string { return filepath.Join(scratch, name) }
	gnupg, keys := in("gnupg"), in("keys")
	for _, directory := range []string{gnupg, keys} {
		if err := os.Mkdir(directory, 0o700); err != nil {
			return nil, err
		}
	}
	if err := os.Setenv("GNUPGHOME", gnupg); err != nil {
		return nil, err
	}
	steps := [][]string{
		{gwe, "keys", "new", "bench", "--to", scratch},
		{"cp", in("bench.asc"), keys},
		{"gpg", "--batch", "--quiet", "--import", in("bench.key")},
	}
	for version := 1; version <= 2; version++ {
		tree, name := in(fmt.Sprintf("v%d", version)), fmt.Sprintf("firmware-%d", version)
		steps = append(steps,
			[]string{gwe, "pack", filepath.Join(tree, name), "--key", in("bench.key"), "--to", in(name + ".tar.zst.gpg")},
			[]string{"tar", "-czf", in(name + ".tar.gz"), "-C", tree, name},
			[]string{"gpg", "--batch", "--quiet", "-z", "0", "--sign", "--output", in(name + ".tar.gz.gpg"), in(name + ".tar.gz")})
	}
	if err := must(steps...); err != nil {
		return nil, err
	}
	_ = exec.Command("gpgconf", "--kill", "gpg-agent").Run() // it has signed; verifying needs no agent

	install := func(suffix string) *contender {
		home := in("home" + suffix)
		return &contender{name: "gwe, " + suffix, home: home, watch: true, command: func(version int) *exec.Cmd {
			return exec.Command(gwe, "--state-dir", filepath.Join(home, "state"), "run", "ota",
				"-i", "package="+in(fmt.Sprintf("firmware-%d.tar.%s.gpg", version, suffix)),
				"-i", "target="+filepath.Join(home, "target"), "-i", "keyring="+keys)
		}}
	}
	old := in("home-old")
	return []*contender{
		{name: "gpg, tar, rsync", home: old, command: func(version int) *exec.Cmd {
			return exec.Command("scripts/bench/old-pipeline", in(fmt.Sprintf("firmware-%d.tar.gz.gpg", version)), filepath.Join(old, "target"))
		}},
		install("zst"),
		install("gz"),
	}, nil
}

// syncRecipe is the one step that is measured against rsync.
const syncRecipe = `gwe: 1
name: bench
inputs: { source: { type: path, required: true }, target: { type: path, required: true } }
steps: [ { rsync: { source: "${{ inputs.source }}", target: "${{ inputs.target }}", delete: true } } ]
`

// copiesNote says what is compared, for rsync and the step do not do the same.
const copiesNote = `rsync is followed by one sync -f of its file system; after a power cut in between, its target is a mixture. A run of gwe keeps what
the old target was until it ends, and writes a journal: some 15 fsyncs and two syncfs in all, however many files there are. A
small tree waits for these more than for its files.
`

// copies gives who copies the releases' directories: rsync until all is on the disk, and the step rsync.
func copies(scratch, gwe string) ([]*contender, error) {
	recipe := filepath.Join(scratch, "sync.yaml")
	if err := os.WriteFile(recipe, []byte(syncRecipe), 0o644); err != nil {
		return nil, err
	}
	source := func(version int) string { return filepath.Join(scratch, fmt.Sprintf("v%[1]d/firmware-%[1]d", version)) }
	theirs, ours := filepath.Join(scratch, "home-theirs"), filepath.Join(scratch, "home-ours")
	return []*contender{
		{name: "rsync, sync -f", home: theirs, command: func(version int) *exec.Cmd {
			return exec.Command("sh", "-c", `rsync -aHAXS --delete "$1/" "$2/target/current/" && sync -f "$2"`, "rsync", source(version), theirs)
		}},
		{name: "gwe, rsync step", home: ours, watch: true, command: func(version int) *exec.Cmd {
			return exec.Command(gwe, "--state-dir", filepath.Join(ours, "state"), "run", recipe, "-i", "source="+source(version), "-i", "target="+ours+"/target/current")
		}},
	}, nil
}

// measure installs a release, with nothing of the one before still to be written.
func (c *contender) measure(version int) error {
	if err := os.MkdirAll(c.target(), 0o755); err != nil {
		return err
	}
	if err := exec.Command("sync", "-f", c.home).Run(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	command := c.command(version)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	began := time.Now()
	if err := command.Start(); err != nil {
		return err
	}
	peak := make(chan int64)
	ended := make(chan struct{})
	go func() { peak <- c.peakOf(command.Process.Pid, ended) }()
	err := command.Wait()
	seconds := time.Since(began).Seconds()
	close(ended)
	c.memory = max(c.memory, <-peak)
	if err != nil {
		return fmt.Errorf("%s, release %d: %v\n%s", c.name, version, err, output.Bytes())
	}
	c.seconds[version-1] = append(c.seconds[version-1], seconds)
	return nil
}

var peakLine = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// peakOf gives the peak memory of a process, asked again and again while it runs. (What wait tells of a child
// includes the memory of the parent, which it had before it became another program.)
func (c *contender) peakOf(pid int, ended <-chan struct{}) int64 {
	var peak int64
	for c.watch {
		select {
		case <-ended:
			return peak
		case <-time.After(5 * time.Millisecond):
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if found := peakLine.FindSubmatch(status); err == nil && found != nil {
			if kibibytes, err := strconv.ParseInt(string(found[1]), 10, 64); err == nil {
				peak = max(peak, kibibytes)
			}
		}
	}
	<-ended
	return peak
}
