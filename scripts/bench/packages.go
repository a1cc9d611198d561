package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// scene is what the contenders of a race share: the two releases in directory/vN/firmware-N, gwe, the keys,
// and the server.
type scene struct {
	directory, gwe string
	server         *server
}

func (s *scene) in(name string) string { return filepath.Join(s.directory, name) }

// tree is where the files of a release lie.
func (s *scene) tree(version int) string {
	return s.in(fmt.Sprintf("v%[1]d/firmware-%[1]d", version))
}

// build builds gwe as a device gets it.
func build(scratch string) (gwe string, err error) {
	gwe = filepath.Join(scratch, "gwe")
	return gwe, must([]string{"env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-ldflags=-s -w", "-o", gwe, "./cmd/gwe"})
}

// signed makes a key for gwe and GnuPG, and packs both releases in the old form and in the new.
func (s *scene) signed() error {
	gnupg, keys := s.in("gnupg"), s.in("keys")
	for _, directory := range []string{gnupg, keys} {
		if err := os.Mkdir(directory, 0o700); err != nil {
			return err
		}
	}
	if err := os.Setenv("GNUPGHOME", gnupg); err != nil {
		return err
	}
	steps := [][]string{
		{"mkdir", "-p", s.in("served/gwe")},
		{s.gwe, "keys", "new", "bench", "--to", s.directory},
		{"cp", s.in("bench.asc"), keys},
		{"gpg", "--batch", "--quiet", "--import", s.in("bench.key")},
	}
	for version := 1; version <= 2; version++ {
		name := fmt.Sprintf("firmware-%d", version)
		steps = append(steps,
			[]string{s.gwe, "pack", s.tree(version), "--key", s.in("bench.key"), "--to", s.in(name + ".tar.zst.gpg")},
			[]string{"cp", "-l", s.in(name + ".tar.zst.gpg"), s.in("served/gwe")},
			[]string{"tar", "-czf", s.in(name + ".tar.gz"), "-C", filepath.Dir(s.tree(version)), name},
			[]string{"gpg", "--batch", "--quiet", "-z", "0", "--sign", "--output", s.in(name + ".tar.gz.gpg"), s.in(name + ".tar.gz")})
	}
	return must(steps...)
}

// packagesNote says what is compared.
const packagesNote = `"gpg, tar, rsync" is the pipeline that gwe replaced, with gzip; "gpg, zstd, tar" is one of today, which links nothing. rsync reads an
unpacked tree on the same machine, and verifies no signature. Over HTTP, on the same machine, gwe fetches a package whole the first
time, and then by ranges; OSTree pulls a signed commit and a static delta, casync a signed index and its chunks. SWUpdate unpacks
a signed tar.gz anew each time. Memory is that of the largest process. RAUC, which writes whole images to partitions, does another job and is left out.
`

// packages are who installs signed packages.
func packages(s *scene) ([]*contender, error) {
	if err := s.signed(); err != nil {
		return nil, err
	}
	contenders := []*contender{s.pipeline("gpg, tar, rsync", "tar.gz.gpg"), s.pipeline("gpg, zstd, tar", "tar.zst.gpg"), s.install("zst"), s.fetch(), s.install("gz"), s.linkDest()}
	for _, peer := range []func() (*contender, error){s.ostree, s.casync, s.swupdate} {
		one, err := peer()
		if err != nil {
			return nil, err
		}
		contenders = append(contenders, one)
	}
	_ = exec.Command("gpgconf", "--kill", "gpg-agent").Run() // it has signed; verifying needs no agent
	return contenders, nil
}

// install is gwe with the shipped recipe.
func (s *scene) install(suffix string) *contender {
	home := s.in("home-" + suffix)
	return &contender{name: "gwe, " + suffix, home: home, command: func(version int) *exec.Cmd {
		return exec.Command(s.gwe, "--state-dir", home+"/state", "run", "ota",
			"-i", "package="+s.in(fmt.Sprintf("firmware-%d.tar.%s.gpg", version, suffix)), "-i", "target="+home+"/target", "-i", "keyring="+s.in("keys"))
	}}
}

// fetch is gwe with the shipped recipe, and the package at the server. What is downloaded whole lies in the
// machine's directory for partial downloads meanwhile, not on the contender's disk.
func (s *scene) fetch() *contender {
	made := s.shell("gwe, zst over HTTP", "http", fmt.Sprintf(`
exec %s --state-dir "$1/state" run ota -i "package=%s/firmware-$2.tar.zst.gpg" -i "target=$1/target" -i "keyring=keys"
`, s.gwe, s.server.url("gwe")))
	made.fetched = s.server.count("gwe")
	return made
}

// pipeline is one of the scripts beside this file: what gwe replaces, as it was with gzip, and as one would
// write it today with zstd.
func (s *scene) pipeline(name, suffix string) *contender {
	home := s.in("home-" + suffix)
	script := map[string]string{"tar.gz.gpg": "scripts/bench/old-pipeline", "tar.zst.gpg": "scripts/bench/new-pipeline"}[suffix]
	return &contender{name: name, home: home + "-pipeline", command: func(version int) *exec.Cmd {
		return exec.Command(script, s.in(fmt.Sprintf("firmware-%d.%s", version, suffix)), home+"-pipeline/target")
	}}
}
