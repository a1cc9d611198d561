package bundle

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/need"
)

// capability is cap_net_bind_service+ep, as setcap writes it.
const capability = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// accessListOf lets user 7 read: version 2, then tag, permissions and identity of each entry.
const accessListOf = "\x02\x00\x00\x00" + "\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x04\x00\x07\x00\x00\x00" +
	"\x04\x00\x04\x00\xff\xff\xff\xff" + "\x10\x00\x04\x00\xff\xff\xff\xff" + "\x20\x00\x00\x00\xff\xff\xff\xff"

// attributesAt lists the extended attributes of a path that is not followed.
func attributesAt(t testing.TB, path string) map[string]string {
	t.Helper()
	found := map[string]string{}
	into := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, into)
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(into[:n]), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = string(value[:n])
	}
	return found
}

// TestPackKeepsAttributes: GNU tar restores from a package what means the same on another machine, of files,
// directories and links; what no package keeps is warned of, unless it is a label, or extended attributes are
// left out by request.
func TestPackKeepsAttributes(t *testing.T) {
	need.Root(t, "it sets attributes of the security and trusted kinds")
	directory := firmware(t)
	const ima = "\x03\x02\x04\x6e\x6d\xe2\xf3"
	given := map[string]map[string]string{
		"bin/run":       {"security.capability": capability, "security.ima": ima, "user.a%b=c": "with\x00NUL and \xff", "trusted.t": "\n"},
		"zero":          {"security.ima": ima, "user.empty": ""},
		"empty":         {"user.of-a-directory": "x"},
		".":             {"user.of-the-top": "x"},
		"dangling":      {"trusted.of-a-link": "x"},
		"bin/deep/data": {"user.large": strings.Repeat("long ", 600)},
	}
	for name, attributes := range given {
		for attribute, value := range attributes {
			if err := unix.Lsetxattr(filepath.Join(directory, name), attribute, []byte(value), 0); err != nil {
				t.Fatalf("%s of %s: %v", attribute, name, err)
			}
		}
	}
	for name, attributes := range map[string]map[string]string{
		"zero":          {"system.posix_acl_access": accessListOf},
		"bin/deep/data": {"system.posix_acl_access": accessListOf, "security.evm": "\x02digest"},
		"empty":         {"security.selinux": "a_label", "security.SMACK64": "a_label"},
	} {
		for attribute, value := range attributes {
			if err := unix.Lsetxattr(filepath.Join(directory, name), attribute, []byte(value), 0); err != nil {
				t.Fatalf("%s of %s: %v", attribute, name, err)
			}
		}
	}
	for name, plain := range map[string]bool{"all": false, "plain": true} {
		t.Run(name, func(t *testing.T) {
			var warnings []string
			path := pack(t, PackOptions{Directory: directory, PlainFiles: plain, Warn: func(text string) { warnings = append(warnings, text) }})
			archive, _, err := open(t, path, Policy{Keyring: gpg(t).keyring(t, "ed")})
			if err != nil {
				t.Fatal(err)
			}
			base := t.TempDir()
			write(t, filepath.Join(base, "tar"), archive, 0o600)
			tar := exec.Command("tar", "-xpf", filepath.Join(base, "tar"), "-C", base, "--xattrs", "--xattrs-include=*", "--warning=no-timestamp")
			if output, err := tar.CombinedOutput(); err != nil || len(output) > 0 {
				t.Fatalf("%v: %s", err, output)
			}
			for name, want := range given {
				found := attributesAt(t, filepath.Join(base, "fw-1", name))
				if plain {
					want = nil
				}
				if len(found) != len(want) {
					t.Errorf("%s has %q, want %q", name, found, want)
				}
				for attribute, value := range want {
					if found[attribute] != value {
						t.Errorf("%s of %s is %q, want %q", attribute, name, found[attribute], value)
					}
				}
			}
			want := []string{`not packed: access control lists of "bin/deep/data" (2 in all), which no package keeps`, `not packed: security.evm of "bin/deep/data" (1 in all), which no package keeps`}
			if plain {
				want = nil
			}
			slices.Sort(warnings)
			if !slices.Equal(warnings, want) {
				t.Errorf("warnings: %q", warnings)
			}
		})
	}
}
