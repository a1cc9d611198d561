package archive

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/steps/steptest"
)

// voucherFor verifies an archive with a signature of its own, as the step verify does.
func voucherFor(t testing.TB, archive string) string {
	t.Helper()
	keyring := filepath.Join(t.TempDir(), "keys")
	keyringAt(t, keyring)
	content, err := os.Open(archive)
	check(t, err)
	defer content.Close()
	signature := filepath.Join(t.TempDir(), "archive.sig")
	signedBeside(t, signature, content)
	opened, err := bundle.Open(t.Context(), archive)
	check(t, err)
	defer opened.Close()
	verified, err := opened.Verify(t.Context(), bundle.Policy{Keyring: keyring, Signature: signature, Digest: true}, nil)
	check(t, err)
	return bundle.Voucher{Signer: verified.Signer.Fingerprint, Digest: verified.Digest}.String()
}

func TestExtractConforms(t *testing.T) {
	items := []item{{name: "app/"}, {name: "app/d/"}, file("app/d/same"), file("app/other"), symlink("app/link", "d/same")}
	for name, one := range map[string]struct {
		archive []byte
		// beside tells that there is a tree with equal files, empty that an empty directory has the name.
		beside, empty, vouched bool
	}{
		"a tar, vouched for": {archiveOf(t, append(items, hardLink("app/twice", "app/other"))...), false, false, true},
		"an update":          {archiveOf(t, items...), true, false, false},
		"an empty directory": {archiveOf(t, items...), false, true, false},
		"a zip, vouched for": {zipOf(t, items...), true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			steptest.Run(t, steptest.Suite{
				Type: Extract(),
				Arrange: func(t testing.TB, root string) map[string]any {
					archive, old := filepath.Join(root, "archive"), filepath.Join(root, "opt", "app-1")
					stamp := time.Unix(1_000_000_000, 0)
					check(t, os.WriteFile(archive, one.archive, 0o644))
					check(t, os.Chtimes(archive, stamp, stamp))
					check(t, os.MkdirAll(filepath.Join(old, "d"), 0o755))
					check(t, os.Symlink("app-1", filepath.Join(root, "opt", "current")))
					if one.beside {
						check(t, os.WriteFile(filepath.Join(old, "d", "same"), []byte("content of app/d/same"), 0o600))
						check(t, os.Chmod(filepath.Join(old, "d", "same"), 0o644))
						check(t, os.Chtimes(filepath.Join(old, "d", "same"), stamp, stamp))
					}
					arguments := map[string]any{
						"archive": archive, "to": filepath.Join(root, "opt", "app-2"), "strip": 1,
						"link-dest": filepath.Join(root, "opt", "current"),
					}
					if one.empty {
						check(t, os.Mkdir(filepath.Join(root, "opt", "app-2"), 0o711))
					}
					for _, path := range []string{"app-1/d", "app-1", "app-2", "."} {
						if err := os.Chtimes(filepath.Join(root, "opt", path), stamp, stamp); err != nil && !os.IsNotExist(err) {
							t.Fatal(err)
						}
					}
					if one.vouched {
						arguments["verified"] = voucherFor(t, archive)
					} else {
						arguments["unverified"] = "allow"
					}
					return arguments
				},
				AfterDo: func(t testing.TB, root string, outputs map[string]any) {
					if outputs["path"] != filepath.Join(root, "opt", "app-2") || outputs["name"] != "app-2" {
						t.Errorf("outputs: %v", outputs)
					}
					if want := map[bool]int{true: 1}[one.beside]; outputs["linked"] != want {
						t.Errorf("%v files were linked, not %d", outputs["linked"], want)
					}
				},
				Forget: []string{"archive"},
			})
		})
	}
}

// TestOnlyWhatWasVerified: what changed after the verification, or between the two passes, is not extracted.
func TestOnlyWhatWasVerified(t *testing.T) {
	large := item{name: "app/large", content: strings.Repeat("0123456789abcdef", 1<<18)} // several blocks
	for name, content := range map[string][]byte{"tar": archiveOf(t, large, file("app/b")), "zip": zipOf(t, large, file("app/b"))} {
		t.Run(name, func(t *testing.T) {
			archive := filepath.Join(t.TempDir(), "archive")
			check(t, os.WriteFile(archive, content, 0o644))
			arguments := map[string]any{"archive": archive, "verified": voucherFor(t, archive)}
			to := func() string {
				arguments["to"] = filepath.Join(t.TempDir(), "is")
				return arguments["to"].(string)
			}
			to()
			_, err := runExtract(t, arguments)
			check(t, err)

			for what, changed := range map[string][]byte{
				"a bit": flipped(content, len(content)-len(content)/3), "more": append(bytes.Clone(content), 0), "less": content[:len(content)-1], "nothing": {},
			} {
				path := to()
				check(t, os.WriteFile(archive, changed, 0o644))
				if _, err := runExtract(t, arguments); fault.As(err) == nil || fault.As(err).Code != "package-changed" || fault.ClassOf(err) != fault.Refused {
					t.Errorf("%s changed: %v", what, err)
				}
				if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) > 0 {
					t.Errorf("%s changed, and something was made: %v %v", what, entries, err)
				}
			}

			// Between the passes: the second reads it from a file that is another by then.
			check(t, os.WriteFile(archive, content, 0o644))
			opened, err := bundle.Open(t.Context(), archive)
			check(t, err)
			defer opened.Close()
			voucher, _ := bundle.ParseVoucher(arguments["verified"].(string))
			pinned, err := opened.Pin(t.Context(), voucher, nil)
			check(t, err)
			check(t, os.WriteFile(archive, flipped(content, len(content)-30), 0o644))
			directory := to()
			check(t, os.Mkdir(directory, 0o700))
			source, done, err := streamed{pinned}.open(t.Context(), lax())
			if err == nil {
				defer done()
				_, _, err = extractFrom(t.Context(), source, directory, lax())
			}
			if fault.As(err) == nil || fault.As(err).Code != "package-changed" {
				t.Errorf("changed between the passes: %v", err)
			}
		})
	}
}

// TestExtractRefuses: what is refused before anything is done, by the plan already.
func TestExtractRefuses(t *testing.T) {
	need.Root(t, "it mounts")
	base := t.TempDir()
	archive, taken, full := filepath.Join(base, "archive"), filepath.Join(base, "taken"), filepath.Join(base, "full")
	check(t, os.WriteFile(archive, archiveOf(t, file("app/a")), 0o644))
	check(t, os.WriteFile(taken, nil, 0o644))
	check(t, os.MkdirAll(filepath.Join(full, "x"), 0o755))
	digest := "openpgp:0123456789ABCDEF:sha256:" + strings.Repeat("0", 64)
	for name, one := range map[string]struct {
		code   string
		change map[string]any
	}{
		"nobody vouches":       {"archive-unverified", map[string]any{"unverified": nil}},
		"both":                 {"archive-unverified", map[string]any{"verified": digest}},
		"no voucher":           {"archive-unverified", map[string]any{"unverified": nil, "verified": strings.Repeat("0", 64)}},
		"no archive":           {"package-missing", map[string]any{"archive": archive + "x"}},
		"a directory":          {"package-not-a-file", map[string]any{"archive": base}},
		"a file is there":      {"target-exists", map[string]any{"to": taken}},
		"a directory is there": {"target-exists", map[string]any{"to": full}},
		"nowhere":              {"target-missing", map[string]any{"to": filepath.Join(base, "no", "app")}},
		"in a file":            {"target-not-a-directory", map[string]any{"to": filepath.Join(taken, "app")}},
		"gwe's own name":       {"target-name", map[string]any{"to": filepath.Join(base, ".gwe-x")}},
		"the root":             {"target-name", map[string]any{"to": "/"}},
	} {
		t.Run(name, func(t *testing.T) {
			arguments := map[string]any{"archive": archive, "to": filepath.Join(base, "is"), "unverified": "allow"}
			for key, value := range one.change {
				if arguments[key] = value; value == nil {
					delete(arguments, key)
				}
			}
			_, err := Extract().Plan(t.Context(), step.Local{}, arguments)
			if found := fault.As(err); found == nil || found.Code != one.code || found.Class != fault.Refused {
				t.Errorf("want %s, got %v", one.code, err)
			}
		})
	}
	mounted := filepath.Join(base, "mounted")
	check(t, os.Mkdir(mounted, 0o755))
	check(t, unix.Mount("tmpfs", mounted, "tmpfs", 0, ""))
	t.Cleanup(func() { check(t, unix.Unmount(mounted, unix.MNT_DETACH)) })
	if _, err := runExtract(t, map[string]any{"archive": archive, "to": mounted}); fault.As(err) == nil || fault.As(err).Code != "target-exists" {
		t.Errorf("a mount point: %v", err)
	}
	for code, arguments := range map[string]map[string]any{
		"archive-empty": {"include": []any{"nothing"}},
		"copy-pattern":  {"exclude": []any{"["}},
		"strip-invalid": {"strip": -1},
	} {
		arguments["archive"], arguments["to"] = archive, filepath.Join(base, "is")
		if _, err := runExtract(t, arguments); fault.As(err) == nil || fault.As(err).Code != code {
			t.Errorf("want %s, got %v", code, err)
		}
	}
}

// TestExtractTaken: a name that was taken meanwhile stays with whoever took it, and an empty directory that
// was filled too.
func TestExtractTaken(t *testing.T) {
	for name, empty := range map[string]bool{"free": false, "an empty directory": true} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			archive, to := filepath.Join(base, "archive"), filepath.Join(base, "target", "is")
			check(t, os.WriteFile(archive, archiveOf(t, file("a")), 0o644))
			check(t, os.Mkdir(filepath.Dir(to), 0o755))
			if empty {
				check(t, os.Mkdir(to, 0o755))
			}
			arguments := map[string]any{"archive": archive, "to": to, "unverified": "allow"}
			run := &step.Run{ID: "20260101-run", Step: "app", Machine: step.Local{}, Directory: t.TempDir(), Log: tasklog.Begin(ignore{}, "step", "extract")}
			memo, err := Extract().Prepare(t.Context(), run, arguments)
			check(t, err)
			check(t, os.MkdirAll(filepath.Join(to, "theirs"), 0o755))
			if _, err := Extract().Do(t.Context(), run, arguments, memo); fault.As(err) == nil || fault.As(err).Code != "target-exists" {
				t.Errorf("want target-exists, got %v", err)
			}
			for range 2 {
				check(t, Extract().Undo(t.Context(), run, arguments, memo))
				if got := filesIn(t, filepath.Dir(to)); strings.Join(got, " ") != ". is is/theirs" {
					t.Errorf("there is %q", got)
				}
			}
		})
	}
}

// TestSignedMessage: a package as gwe pack makes it is extracted too, where it is not encrypted.
func TestSignedMessage(t *testing.T) {
	base := t.TempDir()
	archive := filepath.Join(base, "package.tar.zst.gpg")
	packageAt(t, archive, archiveOf(t, file("app/a")))
	_, err := runExtract(t, map[string]any{"archive": archive, "to": filepath.Join(base, "is"), "strip": 1})
	check(t, err)
	if content, err := os.ReadFile(filepath.Join(base, "is", "a")); err != nil || string(content) != "content of app/a" {
		t.Errorf("%q %v", content, err)
	}
	key, err := vendor()
	check(t, err)
	encryptedAt(t, archive, key, archiveOf(t, file("app/a")))
	_, err = runExtract(t, map[string]any{"archive": archive, "to": filepath.Join(base, "not")})
	if found := fault.As(err); found == nil || found.Code != "package-decrypt-key-wanted" || !strings.Contains(found.Hint, "unpack") {
		t.Errorf("an encrypted package: %v", err)
	}
}

// TestEmptyAndNone: a tar without entries is empty, and an image that begins with zeros is no tar.
func TestEmptyAndNone(t *testing.T) {
	image := make([]byte, 1<<20)
	image[4096] = 1
	for name, one := range map[string]struct {
		content []byte
		code    string
	}{
		"an empty tar": {make([]byte, 10_240), "archive-empty"}, "its end alone": {make([]byte, 1024), "archive-empty"},
		"a label alone": {rawArchive(raw("label", 'V', 0).with("")), "archive-empty"},
		"an image":      {image, "package-not-an-archive"},
	} {
		archive := filepath.Join(t.TempDir(), "archive")
		check(t, os.WriteFile(archive, one.content, 0o644))
		_, err := runExtract(t, map[string]any{"archive": archive, "to": filepath.Join(t.TempDir(), "is")})
		if found := fault.As(err); found == nil || found.Code != one.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}
