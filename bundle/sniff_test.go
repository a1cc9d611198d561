package bundle

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
)

// TestFirstPackets: what GnuPG writes is known for a message by its first bytes, however few of them there
// are, and what else begins with a byte above 127 is not.
func TestFirstPackets(t *testing.T) {
	home := gpg(t)
	for _, arguments := range [][]string{
		{"--sign"}, {"--sign", "--compress-algo", "none"}, {"--sign", "--compress-algo", "bzip2"}, {"--store"}, {"--detach-sign"}, {"--sign", "--armor"},
		{"--encrypt", "-r", home.keys["ed"]}, {"--encrypt", "-R", home.keys["rsa"]}, {"--sign", "--encrypt", "-r", home.keys["nist"]},
		{"--symmetric", "--passphrase", "x"}, {"--store", "--textmode"}, {"--sign", "--rfc2440", "--compress-algo", "none"},
	} {
		whole := home.must(t, plainTar(), append(arguments, "-u", home.keys["ed"])...)
		if !looksLikeMessage(whole[:512]) {
			t.Errorf("%q is not known for a message: %x", arguments, whole[:20])
		}
		for length := 1; length < 20; length++ {
			if !bytes.Equal(whole[:1], []byte("-")) && !looksLikeMessage(whole[:length]) {
				t.Errorf("the first %d bytes of %q are not: %x", length, arguments, whole[:length])
			}
		}
	}
	for name, start := range map[string]string{
		"a PNG":             "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR",
		"lzop":              "\x89LZO\x00\r\n\x1a\n\x10\x30",
		"a JPEG":            "\xff\xd8\xff\xe0\x00\x10JFIF",
		"an RPM":            "\xed\xab\xee\xdb\x03\x00\x00\x00",
		"xz":                "\xfd7zXZ\x00\x00\x04",
		"a device tree":     "\xd0\x0d\xfe\xed\x00\x00\x10\x00",
		"a long signature":  "\x8a\x7e\xca\x56\xf3\x04\xbb",
		"a literal, nearly": "\xae\xe8\x09\xe7\xc6\xd8\x3b",
		"a byte order mark": "\xef\xbb\xbftext",
		"nothing":           "",
	} {
		if looksLikeMessage([]byte(start)) {
			t.Errorf("%s is taken for a message", name)
		}
	}
	random := rand.New(rand.NewPCG(1, 1))
	taken := 0
	for range 10_000 {
		start := make([]byte, 512)
		for i := range start {
			start[i] = byte(random.IntN(256))
		}
		if looksLikeMessage(start) {
			taken++
		}
	}
	if taken > 400 {
		t.Errorf("%d of 10000 random files are taken for messages", taken)
	}
}

// TestNotAnArchive: what comes in the place of an archive is named, with what to do, where it is extracted
// and where it is verified.
func TestNotAnArchive(t *testing.T) {
	base := t.TempDir()
	file := filepath.Join(base, "content")
	write(t, file, []byte("content"), 0o600)
	made := func(name string, program ...string) []byte {
		archive := filepath.Join(base, name)
		command := exec.Command(program[0], append(program[1:], archive, file)...)
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, output)
		}
		content, err := os.ReadFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	zip := made("plain.zip", "zip", "-q", "-j")
	noise := "\x8a\x7e\xca\x56\xf3" + strings.Repeat("noise", 100)
	for name, one := range map[string]struct {
		content    string
		what, hint string
	}{
		"lzop":               {"\x89LZO\x00\r\n\x1a\nrest", "compressed with lzop", "gwe pack"},
		"lz4":                {"\x04\x22\x4d\x18rest", "compressed with lz4", "gwe pack"},
		"PNG":                {"\x89PNG\r\n\x1a\nrest", "a PNG image", "gwe pack"},
		"a page of a proxy":  {"\n<!DOCTYPE HTML>\n<html>", "a page in HTML", "fetch it again"},
		"nothing":            {"", "an empty file", "fetch it again"},
		"a text":             {"Not found: ö\n", "a text", "gwe pack"},
		"a script":           {"#!/bin/sh\necho\n", "a script", "gwe pack"},
		"a program":          {"\x7fELF\x02\x01\x01\x00", "a program", "gwe pack"},
		"noise":              {"\x01\x02\x03\x04", "", "gwe pack"},
		"an ar archive":      {"!<arch>\nx", "an ar archive", "gwe pack"},
		"a Debian package":   {"!<arch>\ndebian-binary   ", "a Debian package", "gwe pack"},
		"a squashfs":         {"hsqs\x00\x00", "a squashfs image", "gwe pack"},
		"a zip after noise":  {noise + string(zip), "a zip archive with 505 bytes before it", "tail -c +506"},
		"a zip in a program": {"#!/bin/sh\nexec unzip $0\nexit\n" + string(zip), "a zip archive with 29 bytes before it", "tail -c +30"},
		"a zip in noise":     {noise + string(zip) + noise, "a zip archive with 505 bytes before it", "tail -c +506"},
		"the end of a zip":   {string(zip[7:]), "the end of a zip archive", "fetch it again"},
		"a zip of one part":  {"PK00" + string(zip), "a zip archive with 4 bytes before it", "tail -c +5"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "archive")
			write(t, path, []byte(one.content), 0o600)
			opened, err := Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			pinned, err := opened.Unpinned()
			if err != nil {
				t.Fatal(err)
			}
			content, err := pinned.Content(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer content.Close()
			_, _, err = Decompress(content)
			if err = pinned.Diagnose(err); fault.As(err) == nil || fault.As(err).Code != "package-not-an-archive" || !strings.Contains(err.Error(), one.what) || !strings.Contains(fault.As(err).Hint, one.hint) {
				t.Errorf("extracted: %v (%+v)", err, fault.As(err))
			}
			if one.content == "" {
				return // nothing to verify
			}
			_, err = opened.Verify(t.Context(), Policy{Keyring: gpg(t).keyring(t, "ed")}, nil)
			if fault.As(err) == nil || fault.As(err).Code != "package-not-openpgp" || !strings.Contains(err.Error(), one.what) || !strings.Contains(fault.As(err).Hint, one.hint) {
				t.Errorf("verified: %v (%+v)", err, fault.As(err))
			}
		})
	}
}

// TestPrefixedZipCures: what is offered for a zip with something before it works, whether its offsets were
// adapted or not.
func TestPrefixedZipCures(t *testing.T) {
	base := t.TempDir()
	archive := filepath.Join(base, "archive.zip")
	shell := func(script string) string {
		command := exec.Command("sh", "-ec", script)
		command.Dir = base
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", script, err, output)
		}
		return string(output)
	}
	for adapt, cure := range map[string]string{
		"true":                "tail -c +16 FILE >NEW.zip",
		"zip -qA archive.zip": "zip --junk-sfx FILE",
	} {
		shell("rm -f *; echo content >content; zip -qj plain.zip content; { echo '#!/bin/sh'; echo exit; cat plain.zip; } >archive.zip; " + adapt)
		opened, err := Open(t.Context(), archive)
		if err != nil {
			t.Fatal(err)
		}
		found := opened.zipInside()
		opened.Close()
		if found == nil || !strings.Contains(found.Message, " 15 bytes") {
			t.Fatalf("%s: %v", adapt, found)
		}
		_, command, _ := strings.Cut(found.Hint, "`")
		command, _, _ = strings.Cut(command, "`")
		if command != cure {
			t.Errorf("%s: the cure is %q", adapt, command)
		}
		shell(strings.ReplaceAll(command, "FILE", "archive.zip"))
		shell("unzip -tq NEW.zip 2>/dev/null || unzip -tq archive.zip; for one in NEW.zip archive.zip; do [ ! -e $one ] || head -c 4 $one; done | grep -q PK")
	}
}
