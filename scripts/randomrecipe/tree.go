//go:build amd64

package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gwe-project/gwe/scripts/gateway"
	"github.com/gwe-project/gwe/steps/steptest/randomtree"
)

// areas are the directories that steps work in; branches of a parallel get some of them each.
var areas = []string{"north", "south", "east", "west"}

// reporter lets randomtree speak to a campaign.
type reporter struct {
	testing.TB
	findings *gateway.Findings
}

func (r reporter) Helper()                                {}
func (r reporter) Fatal(arguments ...any)                 { r.findings.Fatal(arguments...) }
func (r reporter) Fatalf(format string, arguments ...any) { r.findings.Fatalf(format, arguments...) }
func (r reporter) Errorf(format string, arguments ...any) { r.findings.Errorf(format, arguments...) }

// plant is what a start tree holds, and the model of it. The same seed plants the same.
type plant struct {
	random *rand.Rand
	grower *randomtree.Grower
	top    string
	model  model
}

// newPlant plants in a directory; it only makes the model where that is "".
func newPlant(findings *gateway.Findings, seed uint64, top string) *plant {
	p := &plant{random: rand.New(rand.NewPCG(seed, 2)), top: top, model: model{}}
	if top != "" {
		p.grower = randomtree.New(reporter{findings: findings}, seed)
	}
	return p
}

// grow makes the tree of a seed in an empty directory; where top is "", it only gives the model.
func grow(findings *gateway.Findings, seed uint64, top string) model {
	p := newPlant(findings, seed, top)
	for _, area := range areas {
		p.directory(area, 2)
	}
	p.directory("releases", 0)
	for n := range 4 {
		p.release(fmt.Sprintf("releases/r%d", n+1), n+1)
	}
	p.link("releases/current", "r2")
	p.directory("factory", 0)
	p.release("factory/current", 0) // a directory: nobody has updated it yet
	p.directory("depot", 0)
	p.file("depot/page.tmpl", "{{ .who }} and {{ range .list }}{{ . }},{{ end }}\n", 0o644)
	p.file("depot/box.tar", string(box()), 0o644)
	if top != "" {
		p.stamp()
	}
	return p.model
}

// release is one of the vendor's. Its hooks say that they ran; its path is their only argument.
func (p *plant) release(name string, version int) {
	if p.top != "" {
		time.Sleep(5 * time.Millisecond) // which is older is told by when they were made, and that clock ticks slowly
	}
	p.directory(name, 0)
	p.file(name+"/version", fmt.Sprintf("%d\n", version), 0o644)
	p.directory(name+"/root", 0)
	p.directory(name+"/root/etc", 0)
	p.file(name+"/root/etc/conf", "conf\n", 0o640)
	p.file(fmt.Sprintf("%s/root/etc/only-%d", name, version), "only\n", 0o644)
	p.file(name+"/hook", "#!/bin/sh\nset -eu\necho \"do $ID\" >>\"$MARKS/log\"\nsleep 0.01\n: >\"$MARKS/$ID\"\n", 0o755)
	for _, hook := range []string{".pre-install", ".post-install"} {
		p.file(name+"/"+hook, "#!/bin/sh\nset -eu\ntest -d \"$1\"\necho \"${0##*/} ${1##*/}\" >>\"${1%/*/*/*}/marks/log\"\n", 0o755)
	}
}

func (p *plant) check(err error) {
	if err != nil {
		p.grower.Fatal(err)
	}
}

func (p *plant) path(name string) string { return filepath.Join(p.top, name) }

// directory makes one, with a random content where depth is not 0.
func (p *plant) directory(name string, depth int) {
	p.model[name] = directory
	if p.top != "" {
		p.check(os.Mkdir(p.path(name), 0o755))
	}
	if depth == 0 {
		return
	}
	for range 3 + p.random.IntN(5) {
		inner := p.model.fresh(p.random, name)
		switch p.random.IntN(8) {
		case 0, 1, 2:
			p.file(inner, string(bytes.Repeat([]byte{byte('a' + p.random.IntN(26))}, p.random.IntN(3000))), os.FileMode(0o600|p.random.IntN(0o100)))
		case 3:
			p.link(inner, []string{"a", "../b.conf", "/nowhere"}[p.random.IntN(3)])
		case 4:
			p.twin(inner)
		case 5:
			p.model[inner] = wild
			if p.top != "" {
				p.check(os.Mkdir(p.path(inner), 0o755))
				p.grower.Fill(p.path(inner), 1)
			}
		default:
			p.directory(inner, depth-1)
		}
	}
}

func (p *plant) file(name, content string, mode os.FileMode) {
	p.model[name] = file
	if p.top == "" {
		return
	}
	p.check(os.WriteFile(p.path(name), []byte(content), 0o600))
	p.check(os.Chmod(p.path(name), mode))
}

func (p *plant) link(name, to string) {
	p.model[name] = link
	if p.top != "" {
		p.check(os.Symlink(to, p.path(name)))
	}
}

// twin is a second name of a file.
func (p *plant) twin(name string) {
	old := p.model.pick(p.random, areas, file)
	if old == "" {
		return
	}
	p.model[name] = file
	if p.top != "" {
		p.check(os.Link(p.path(old), p.path(name)))
	}
}

// stamp makes everything old, but for what randomtree has given times of its own.
func (p *plant) stamp() {
	old := time.Date(2024, 1, 2, 3, 4, 5, 678901234, time.UTC)
	p.check(filepath.WalkDir(p.top, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && entry.Type()&os.ModeSymlink == 0 {
			if info, err := entry.Info(); err == nil && info.ModTime().After(old) {
				return os.Chtimes(path, old, old)
			}
		}
		return err
	}))
	p.check(exec.Command("find", p.top, "-type", "l", "-newermt", "2024-06-01", "-exec", "touch", "-h", "-d", "2024-01-02", "{}", "+").Run())
}

// box is an archive.
func box() []byte {
	var made bytes.Buffer
	writer := tar.NewWriter(&made)
	for _, name := range []string{"one", "two", "deep/three"} {
		content := bytes.Repeat([]byte(name), 300)
		_ = writer.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o640, Uid: 7, Gid: 8, ModTime: time.Unix(1_600_000_000, 0)})
		_, _ = writer.Write(content)
	}
	_ = writer.WriteHeader(&tar.Header{Name: "deep/link", Typeflag: tar.TypeSymlink, Linkname: "three", ModTime: time.Unix(1_600_000_000, 0)})
	_ = writer.Close()
	return made.Bytes()
}
