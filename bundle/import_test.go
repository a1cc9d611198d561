package bundle

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/gwe-project/gwe/engine/fault"
)

// stored gives the packets of the one key in a keyring's file.
func stored(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := armourBlocks(content)
	if err != nil || len(blocks) != 1 {
		t.Fatalf("%d blocks, %v", len(blocks), err)
	}
	return blocks[0].body
}

// TestImportKeepsThePackets: what gpg and others wrote is kept byte for byte, and gpg reads what was stored
// and exported.
func TestImportKeepsThePackets(t *testing.T) {
	home := gpg(t)
	long := newHandmade(time.Now().Add(-time.Hour))
	for name, packets := range map[string][]byte{
		"ed25519": home.must(t, nil, "--export", home.keys["ed"]), "rsa": home.must(t, nil, "--export", home.keys["rsa"]),
		"nistp521": home.must(t, nil, "--export", home.keys["nist521"]), "long lengths": long.certificate(time.Now().Add(-time.Hour), 0),
		"with a foreign packet": append(home.must(t, nil, "--export", home.keys["ed"]), framed(60, []byte("private use"))...),
	} {
		t.Run(name, func(t *testing.T) {
			ring := filepath.Join(t.TempDir(), "keys")
			file := filepath.Join(t.TempDir(), "key")
			write(t, file, packets, 0o644)
			imported, err := ImportKeys(ring, file)
			if err != nil || len(imported) != 1 || imported[0].State != "good" {
				t.Fatalf("%+v, %v", imported, err)
			}
			if !bytes.Equal(stored(t, imported[0].File), packets) {
				t.Error("other packets are stored than were given")
			}
			exported, err := ExportKey(ring, imported[0].Fingerprint)
			if err != nil {
				t.Fatal(err)
			}
			other, err := newHome()
			if err != nil {
				t.Fatal(err)
			}
			other.must(t, exported, "--import")
			if keys := listed(t, ring); len(keys) != 1 {
				t.Fatalf("%+v", keys)
			}
			if again, err := ImportKeys(ring, imported[0].File); err != nil || again[0] != imported[0] {
				t.Fatalf("%+v, %v", again, err)
			}
		})
	}
}

// TestKeyFiles: keys in all the forms in which people send them.
func TestKeyFiles(t *testing.T) {
	home := gpg(t)
	one, two := home.must(t, nil, "--armor", "--export", home.keys["ed"]), home.must(t, nil, "--armor", "--export", home.keys["rsa"])
	signature := home.must(t, []byte("x"), "--armor", "--detach-sign", "-u", home.keys["ed"])
	binary := home.must(t, nil, "--export", home.keys["ed"])
	text := []byte("Dear customer,\r\n\nthis is our key – Schlüssel für Sie – from 2026:\n-----BEGIN something else\n\n")
	nameless, err := splitPackets(binary)
	if err != nil {
		t.Fatal(err)
	}
	nameless.keys[0].parts = nameless.keys[0].parts[:1]
	for name, test := range map[string]struct {
		content  []byte
		keys     int
		warnings string
		problem  string
	}{
		"text above":               {content: append(bytes.Clone(text), one...), keys: 1},
		"much text above":          {content: append(bytes.Repeat([]byte("words words words\n"), 5000), one...), keys: 1},
		"text between and below":   {content: bytes.Join([][]byte{one, two, nil}, text), keys: 2},
		"a byte order mark":        {content: append([]byte("\xef\xbb\xbf"), one...), keys: 1},
		"DOS lines":                {content: bytes.ReplaceAll(append(bytes.Clone(text), one...), []byte("\n"), []byte("\r\n")), keys: 1},
		"no last line":             {content: one[:bytes.Index(one, []byte("-----END"))], keys: 1},
		"a signature above":        {content: append(bytes.Clone(signature), one...), keys: 1},
		"a key of another kind":    {content: append(bytes.Clone(binary), framed(tagPublicKey, []byte{4, 1, 2, 3, 4, 99, 0, 1, 1})...), keys: 1, warnings: "kind that gwe does not know"},
		"a key of PGP 2":           {content: append(framed(tagPublicKey, []byte{3, 1, 2, 3, 4, 0, 0, 1, 0, 1, 1, 0, 1, 1}), binary...), keys: 1, warnings: "kind that gwe does not know"},
		"a key without a user id":  {content: append(bytes.Clone(binary), nameless.keys[0].bytes()...), keys: 1},
		"only one without":         {content: nameless.keys[0].bytes(), problem: "has no user id"},
		"cut short":                {content: binary[:len(binary)-1], problem: "it is cut short"},
		"second one is cut short":  {content: append(bytes.Clone(binary), binary[:70]...), problem: "it is cut short"},
		"an armour cut short":      {content: one[:len(one)/2], problem: "it is cut short"},
		"a damaged armour":         {content: bytes.Replace(one, []byte("\n\n"), []byte("\n\n!"), 1), problem: "its armour is damaged"},
		"a flood of packets":       {content: append(bytes.Clone(binary), bytes.Repeat(framed(tagUserID, []byte("x")), 200_001)...), problem: "more than 200000 OpenPGP packets"},
		"a damaged key":            {content: framed(tagPublicKey, []byte{4, 1, 1, 1, 1}), problem: "a key in it is damaged"},
		"junk behind":              {content: append(bytes.Clone(binary), "hello"...), problem: "a byte outside of any OpenPGP packet"},
		"a signature":              {content: signature, problem: "it holds no key, but a PGP SIGNATURE"},
		"a message":                {content: home.must(t, []byte("x"), "--sign", "-u", home.keys["ed"], "-z", "0"), problem: "it holds no key, but an OpenPGP packet of type 4"},
		"text":                     {content: []byte("our key comes tomorrow\n"), problem: "it holds no key, neither armoured nor binary"},
		"text with half an armour": {content: []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\nnonsense"), problem: "its armour is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			ring := filepath.Join(t.TempDir(), "keys")
			file := filepath.Join(t.TempDir(), "key.asc")
			write(t, file, test.content, 0o644)
			imported, err := Import(ring, file)
			if test.problem != "" {
				wantCode(t, err, "key-unreadable")
				if !strings.Contains(err.Error(), test.problem) {
					t.Fatalf("want %q, have %v", test.problem, err)
				}
				if _, err := os.Lstat(ring); err == nil {
					t.Fatal("a keyring was made for nothing")
				}
				return
			}
			if err != nil || test.warnings == "" != (len(imported.Warnings) == 0) || !strings.Contains(strings.Join(imported.Warnings, "\n"), test.warnings) {
				t.Fatalf("%+v, %v", imported, err)
			}
			if keys := listed(t, ring); len(keys) != test.keys {
				t.Fatalf("%+v", keys)
			}
			// A keyring reads the same file, where it is put there by hand.
			byHand := t.TempDir()
			write(t, filepath.Join(byHand, "key.asc"), test.content, 0o644)
			loaded, err := LoadKeyring(byHand)
			if err != nil || len(loaded.Warnings()) > 1 {
				t.Fatal(err, loaded.Warnings())
			}
		})
	}
}

// TestImportMerges imports an old and a new copy of a key in both orders, and compares with what the real gpg
// makes of it.
func TestImportMerges(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, home *gpgHome, key string){
		"longer life": func(t *testing.T, home *gpgHome, key string) { home.must(t, nil, "--quick-set-expire", key, "5y") },
		"for ever":    func(t *testing.T, home *gpgHome, key string) { home.must(t, nil, "--quick-set-expire", key, "never") },
		"shorter life": func(t *testing.T, home *gpgHome, key string) {
			home.must(t, nil, "--quick-set-expire", key, "1m")
		},
		"new subkey": func(t *testing.T, home *gpgHome, key string) {
			home.must(t, nil, "--quick-add-key", key, "ed25519", "sign", "never")
		},
		"new user id": func(t *testing.T, home *gpgHome, key string) {
			home.must(t, nil, "--quick-add-uid", key, "Other <other@example.org>")
		},
		"revoked": func(t *testing.T, home *gpgHome, key string) { home.revoke(t, key) },
	} {
		t.Run(name, func(t *testing.T) {
			home, err := newHome()
			if err != nil {
				t.Fatal(err)
			}
			if err := home.makeKey("merged", "ed25519", "", "2y", "20260101T000000"); err != nil {
				t.Fatal(err)
			}
			key := home.keys["merged"]
			directory := t.TempDir()
			old, fresh := filepath.Join(directory, "old.asc"), filepath.Join(directory, "new.asc")
			write(t, old, home.must(t, nil, "--armor", "--export", key), 0o644)
			change(t, home, key)
			write(t, fresh, home.must(t, nil, "--armor", "--export", key), 0o644)
			signed := filepath.Join(directory, "p.gpg")
			if name != "revoked" {
				write(t, signed, home.must(t, compress(t, Gzip, sample(t, 10)), "-u", key, "--sign"), 0o644)
			}
			other, err := newHome()
			if err != nil {
				t.Fatal(err)
			}
			for _, order := range [][]string{{fresh}, {old, fresh}, {fresh, old}, {fresh, old, fresh, old}} {
				ring := filepath.Join(t.TempDir(), "keys")
				for _, file := range order {
					if _, err := ImportKeys(ring, file); err != nil {
						t.Fatal(err)
					}
					other.must(t, nil, "--import", file)
				}
				alone := filepath.Join(t.TempDir(), "keys")
				if _, err := ImportKeys(alone, fresh); err != nil {
					t.Fatal(err)
				}
				have, want := listed(t, ring)[0], listed(t, alone)[0]
				have.File, want.File = "", ""
				if have != want {
					t.Errorf("%d imports: %+v, want %+v", len(order), have, want)
				}
				if name != "revoked" {
					if _, _, err := open(t, signed, Policy{Keyring: ring}); err != nil {
						t.Errorf("%d imports: %v", len(order), err)
					}
				}
				// gpg knows of the key what it knows after its own imports of the same files.
				exported, err := ExportKey(ring, key)
				if err != nil {
					t.Fatal(err)
				}
				reader, err := newHome()
				if err != nil {
					t.Fatal(err)
				}
				reader.must(t, exported, "--import")
				colons := func(home *gpgHome) string { return string(home.must(t, nil, "--with-colons", "--list-keys", key)) }
				if have, want := colons(reader), colons(other); keyLines(have) != keyLines(want) {
					t.Errorf("gpg reads\n%s\nand has\n%s", have, want)
				}
			}
			// Copies that were put side by side by hand count as one too.
			ring := t.TempDir()
			for i, file := range []string{fresh, old} {
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(ring, fmt.Sprintf("%d.asc", i)), content, 0o644)
			}
			if keys := listed(t, ring); len(keys) != 2 || keys[0].Expires != keys[1].Expires || keys[0].State != keys[1].State {
				t.Errorf("%+v", keys)
			}
		})
	}
}

// keyLines are the lines of gpg's listing that tell of a key's life, its subkeys and user ids, in any order
// of the latter.
func keyLines(listing string) string {
	found := map[string]int{}
	for line := range strings.SplitSeq(listing, "\n") {
		if fields := strings.Split(line, ":"); len(fields) > 9 && strings.Contains("pub sub uid fpr", fields[0]) {
			found[strings.Join(append(fields[:1], fields[1], fields[4], fields[6], fields[9]), ":")]++
		}
	}
	return fmt.Sprint(found)
}

// revoke imports the certificate of revocation that gpg made with a key.
func (g *gpgHome) revoke(t testing.TB, key string) {
	t.Helper()
	g.must(t, g.revocation(t, key), "--import")
}

func (g *gpgHome) revocation(t testing.TB, key string) []byte {
	t.Helper()
	certificate, err := os.ReadFile(filepath.Join(g.directory, "openpgp-revocs.d", key+".rev"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(certificate, []byte(":-----BEGIN"), []byte("-----BEGIN"))
}

// TestImportOfARevocation: a certificate of revocation revokes the key that is there, whatever file it stands
// in.
func TestImportOfARevocation(t *testing.T) {
	home, err := newHome()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lost", "other"} {
		if err := home.makeKey(name, "ed25519", "", "", ""); err != nil {
			t.Fatal(err)
		}
	}
	certificate := filepath.Join(t.TempDir(), "lost.rev")
	write(t, certificate, home.revocation(t, home.keys["lost"]), 0o644)
	stranger := home.keyring(t, "other")
	_, err = ImportKeys(stranger, certificate)
	wantCode(t, err, "key-unknown")

	ring := home.keyring(t, "lost", "other")
	if imported, err := ImportKeys(ring, certificate); err != nil || imported[0].State != "revoked" {
		t.Fatalf("%+v, %v", imported, err)
	}
	byHand := home.keyring(t, "lost", "other")
	write(t, filepath.Join(byHand, "revocation.asc"), home.revocation(t, home.keys["lost"]), 0o644)
	for _, directory := range []string{ring, byHand} {
		for _, key := range listed(t, directory) {
			if want := map[bool]string{true: "revoked", false: "good"}[key.Fingerprint == home.keys["lost"]]; key.State != want {
				t.Errorf("%+v, want %s", key, want)
			}
		}
	}
	// One that another key has signed revokes nothing.
	made := newHandmade(time.Now().Add(-time.Hour))
	forged := home.keyring(t, "lost")
	write(t, filepath.Join(forged, "forged.gpg"), made.revocation(time.Now()), 0o644)
	if keys := listed(t, forged); keys[0].State != "good" {
		t.Errorf("%+v", keys)
	}
}

// TestImportsAtOnce: imports wait for each other, and nothing is lost.
func TestImportsAtOnce(t *testing.T) {
	ring, directory := filepath.Join(t.TempDir(), "keys"), t.TempDir()
	made := newHandmade(time.Now().Add(-time.Hour))
	var all sync.WaitGroup
	const copies = 8
	for i := range copies {
		made.user = fmt.Sprintf("Name %d <hand@example.org>", i)
		file := filepath.Join(directory, fmt.Sprint(i))
		write(t, file, made.certificate(time.Now().Add(-time.Hour), 0), 0o644)
		all.Go(func() {
			if _, err := ImportKeys(ring, file); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	found, err := splitPackets(stored(t, listed(t, ring)[0].File))
	if err != nil || len(found.keys[0].userIDs()) != copies {
		t.Fatalf("%q, %v", found.keys[0].userIDs(), err)
	}
}

// TestBytesBehindAPacket: the library leaves bytes unread that follow what it knows of a packet, and took
// them for the next packet. A revocation with such bytes made its key unreadable.
func TestBytesBehindAPacket(t *testing.T) {
	made := newHandmade(time.Now().Add(-time.Hour))
	plain := made.certificate(time.Now().Add(-time.Hour), 0)
	behind := func(packets []byte, which int) []byte {
		found, err := splitPackets(packets)
		if err != nil {
			t.Fatal(err)
		}
		all := found.revocations
		for _, key := range found.keys {
			for _, part := range key.parts {
				all = append(append(all, part.packet), part.signatures...)
			}
		}
		var written []byte
		for i, one := range all {
			if i == which {
				one.whole = framed(one.kind, append(bytes.Clone(one.body), "more"...))
			}
			written = append(written, one.whole...)
		}
		return written
	}
	for name, test := range map[string]struct {
		files map[string][]byte
		state string
	}{
		"signature":                {files: map[string][]byte{"a.gpg": behind(plain, 2)}, state: "good"},
		"revocation":               {files: map[string][]byte{"a.gpg": plain, "b.gpg": behind(made.revocation(time.Now()), 0)}, state: "revoked"},
		"signature in one of two":  {files: map[string][]byte{"a.gpg": plain, "b.gpg": behind(plain, 2)}, state: "good"},
		"revocation in the middle": {files: map[string][]byte{"a.gpg": append(behind(made.revocation(time.Now()), 0), plain...)}, state: "revoked"},
	} {
		t.Run(name, func(t *testing.T) {
			ring := t.TempDir()
			for file, content := range test.files {
				write(t, filepath.Join(ring, file), content, 0o644)
			}
			if keys := listed(t, ring); keys[0].State != test.state {
				t.Errorf("%+v", keys)
			}
		})
	}
}

// TestImportReadsBack: what could not be read afterwards is not put in place, and what was there stays.
func TestImportReadsBack(t *testing.T) {
	made := newHandmade(time.Now().Add(-time.Hour))
	found, err := splitPackets(made.certificate(time.Now(), 0))
	if err != nil {
		t.Fatal(err)
	}
	armoured, err := found.keys[0].armoured()
	if err != nil {
		t.Fatal(err)
	}
	if key, err := readBack("/keys/a.asc", armoured, found.keys); err != nil || key.UserID != made.user {
		t.Fatalf("%+v, %v", key, err)
	}
	other := newHandmade(time.Now().Add(-2 * time.Hour))
	others, err := splitPackets(other.certificate(time.Now(), 0))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"cut": armoured[:len(armoured)/2], "empty": nil, "twice": append(bytes.Clone(armoured), armoured...),
	} {
		if _, err := readBack("/keys/a.asc", content, found.keys); err == nil {
			t.Errorf("%s: it was read back", name)
		}
	}
	if _, err := readBack("/keys/a.asc", armoured, others.keys); err == nil {
		t.Error("another key was read back")
	}
}

// TestUnreadableFileInKeyring: it is named, and takes nothing from the others; an import heals it.
func TestUnreadableFileInKeyring(t *testing.T) {
	home := gpg(t)
	path := signed(t, compress(t, Gzip, sample(t, 1000)), "-u", home.keys["ed"], "--sign")
	good := home.must(t, nil, "--armor", "--export", home.keys["ed"])
	for name, put := range map[string]func(path string) error{
		"empty":       func(path string) error { return os.WriteFile(path, nil, 0o644) },
		"nonsense":    func(path string) error { return os.WriteFile(path, []byte("\x99nonsense"), 0o644) },
		"cut short":   func(path string) error { return os.WriteFile(path, good[:200], 0o644) },
		"a pipe":      makePipe,
		"a dead link": func(path string) error { return os.Symlink("nowhere", path) },
		"a device":    func(path string) error { return os.Symlink("/dev/zero", path) },
		"too large": func(path string) error {
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				return err
			}
			return os.Truncate(path, 1<<40)
		},
	} {
		t.Run(name, func(t *testing.T) {
			ring := home.keyring(t, "ed")
			bad := filepath.Join(ring, "a.asc")
			if err := put(bad); err != nil {
				t.Fatal(err)
			}
			var warnings []string
			warn := func(text string) { warnings = append(warnings, text) }
			if _, _, err := open(t, path, Policy{Keyring: ring, Warn: warn}); err != nil {
				t.Fatal(err)
			}
			if len(warnings) != 1 || !strings.Contains(warnings[0], bad) {
				t.Fatalf("%q", warnings)
			}
			if imported, err := Import(ring, filepath.Join(home.keyring(t, "rsa"), "rsa.asc")); err != nil || len(imported.Warnings) != 1 {
				t.Fatalf("%+v, %v", imported, err)
			}
			// A package by a key that may be in that file says so.
			theirs := signed(t, compress(t, Gzip, sample(t, 1000)), "-u", home.keys["nist"], "--sign")
			_, _, err := open(t, theirs, Policy{Keyring: ring})
			wantCode(t, err, "package-signer-unknown")
			if hint := fault.As(err).Hint; !strings.Contains(hint, bad) {
				t.Errorf("the hint does not name %s: %s", bad, hint)
			}
		})
	}
	t.Run("the key's own file", func(t *testing.T) {
		ring := t.TempDir()
		own := filepath.Join(ring, home.keys["ed"]+".asc")
		write(t, own, good[:200], 0o644)
		_, err := LoadKeyring(ring)
		wantCode(t, err, "keyring-unreadable")
		file := filepath.Join(t.TempDir(), "ed.asc")
		write(t, file, good, 0o644)
		if imported, err := Import(ring, file); err != nil || len(imported.Warnings) > 0 {
			t.Fatalf("%+v, %v", imported, err)
		}
		listed(t, ring)
	})
}

// TestContained: what the library panics with is an error.
func TestContained(t *testing.T) {
	err := contained(func() error { var entity *openpgp.Entity; _ = entity.PrimaryKey.Fingerprint; return nil })
	if err == nil || !strings.Contains(err.Error(), "panicked") {
		t.Fatal(err)
	}
}
