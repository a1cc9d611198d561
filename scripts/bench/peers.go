package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// shell is a contender whose command is a script of sh, with the home as $1 and the release's number as $2.
func (s *scene) shell(name, home, script string) *contender {
	home = s.in("home-" + home)
	return &contender{name: name, home: home, command: func(version int) *exec.Cmd {
		command := exec.Command("sh", "-euc", script, "bench", home, fmt.Sprint(version))
		command.Dir = s.directory
		return command
	}}
}

// swapped is the end of each script: the link is swapped, and all is on the disk.
const swapped = `
ln -sfn "firmware-$2" "$1/target/current~"
mv -T "$1/target/current~" "$1/target/current"
sync -f "$1"
`

// linkDest is rsync from an unpacked tree on this machine, without any signature.
func (s *scene) linkDest() *contender {
	return s.shell("rsync --link-dest", "rsync", `
[ ! -e "$1/target/current" ] || set -- "$1" "$2" --link-dest="$1/target/current"
rsync -aHAX ${3:+"$3"} "v$2/firmware-$2/" "$1/target/firmware-$2/"
`+swapped)
}

// ostree pulls a signed commit, by a static delta from release 1 where there is one, and checks it out by
// hard links, with the signature verified.
func (s *scene) ostree() (*contender, error) {
	repository := s.in("served/ostree")
	key, err := exec.Command("sh", "-euc", `gpg --batch --with-colons --list-keys | sed -n '/^fpr/{s/[^0-9A-F]//g;p;q}'`).Output()
	if err != nil {
		return nil, err
	}
	commit := func(version int) []string {
		return []string{"ostree", "--repo=" + repository, "commit", "--branch=firmware", "--subject=" + fmt.Sprint(version),
			"--tree=dir=" + s.tree(version), "--gpg-sign=" + strings.TrimSpace(string(key)), "--gpg-homedir=" + s.in("gnupg")}
	}
	if err := must([]string{"mkdir", "-p", repository}, []string{"ostree", "--repo=" + repository, "init", "--mode=archive"},
		commit(1), commit(2), []string{"ostree", "--repo=" + repository, "static-delta", "generate", "firmware"},
		[]string{"ostree", "--repo=" + repository, "summary", "--update"}); err != nil {
		return nil, err
	}
	made := s.shell("ostree", "ostree", `
commit=$(sed -n "$2p" served/ostree-commits)
ostree --repo="$1/repo" pull origin "firmware@$commit"
ostree --repo="$1/repo" checkout -H "$commit" "$1/target/firmware-$2"
`+swapped)
	list := `ostree --repo="$1" log firmware | sed -n 's/^commit //p' | tac >"$2"`
	if err := must([]string{"sh", "-euc", list, "bench", repository, s.in("served/ostree-commits")}); err != nil {
		return nil, err
	}
	made.prepare = func() error {
		return must([]string{"mkdir", made.home + "/repo"}, []string{"ostree", "--repo=" + made.home + "/repo", "init", "--mode=bare"},
			[]string{"ostree", "--repo=" + made.home + "/repo", "remote", "add", "--gpg-import=" + s.in("bench.asc"), "origin", s.server.url("ostree")})
	}
	made.fetched = s.server.count("ostree")
	return made, nil
}

// casync extracts by a signed index from a store of chunks, with the running release as a seed.
func (s *scene) casync() (*contender, error) {
	directory := s.in("served/casync")
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, err
	}
	for version := 1; version <= 2; version++ {
		index := fmt.Sprintf("%s/firmware-%d.caidx", directory, version)
		if err := must([]string{"casync", "make", "--store=" + directory + "/store", index, s.tree(version)},
			[]string{"gpg", "--batch", "--quiet", "--detach-sign", index}); err != nil {
			return nil, err
		}
	}
	made := s.shell("casync", "casync", fmt.Sprintf(`
for suffix in caidx caidx.sig; do curl -fsS -o "$1/$suffix" "%[1]s/firmware-$2.$suffix"; done
gpg --batch --quiet --verify "$1/caidx.sig" "$1/caidx" 2>/dev/null
mv "$1/caidx" "$1/firmware.caidx"
mkdir "$1/target/firmware-$2"
[ ! -e "$1/target/current" ] || set -- "$1" "$2" --seed="$1/target/current/"
casync extract --store="%[1]s/store" ${3:+"$3"} "$1/firmware.caidx" "$1/target/firmware-$2"
`, s.server.url("casync"))+swapped)
	made.fetched = s.server.count("casync")
	return made, nil
}

// swupdate unpacks the tar of a signed image. Its images are made beforehand for the one path that the target
// has.
func (s *scene) swupdate() (*contender, error) {
	made := s.shell("swupdate", "swupdate", `
swupdate -l 1 -k swupdate.crt -H bench:1 -i "swupdate-$2.swu" >/dev/null
`+swapped)
	script := `
openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=bench -keyout swupdate.key -out swupdate.crt 2>/dev/null
for version in 1 2; do
	digest=$(sha256sum "firmware-$version.tar.gz" | cut -d " " -f 1)
	cat >sw-description <<-END
	software = { version = "1"; hardware-compatibility: [ "1" ]; images: ( {
		filename = "firmware-$version.tar.gz"; type = "archive"; path = "$1/target"; sha256 = "$digest"; preserve-attributes = true;
	} ); }
	END
	openssl cms -sign -binary -nosmimecap -outform DER -signer swupdate.crt -inkey swupdate.key -in sw-description -out sw-description.sig
	printf '%s\n' sw-description sw-description.sig "firmware-$version.tar.gz" | cpio --quiet -o -H crc >"swupdate-$version.swu"
done
`
	command := exec.Command("sh", "-euc", script, "bench", made.home)
	command.Dir = s.directory
	if output, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("making images for swupdate: %v\n%s", err, output)
	}
	return made, nil
}
