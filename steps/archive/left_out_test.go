package archive

import (
	"archive/tar"
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/xattr"
)

// TestLeftOut: what an archive has and gwe does not restore is said, with the first file that it is missing
// from; a label of a security policy is not missed, nor is what the selection leaves out.
func TestLeftOut(t *testing.T) {
	need.Root(t, "only root sets and misses each attribute")
	with := func(name string, records map[string]string) item {
		return item{name: name, header: func(h *tar.Header) { h.PAXRecords, h.Format = records, tar.FormatPAX }}
	}
	archive := archiveOf(t,
		with("fw/a", map[string]string{"SCHILY.acl.access": "user::rw-", "SCHILY.xattr.security.ima": "\x03\x02\x04sum", "SCHILY.xattr.user.kept": "x"}),
		with("fw/b", map[string]string{"SCHILY.xattr.system.posix_acl_access": "x", "SCHILY.xattr.security.selinux": "label", "SCHILY.xattr.trusted.overlay.opaque": "y"}),
		with("fw/c", map[string]string{"SCHILY.xattr.security.evm": "\x02digest"}),
		with("fw/not-taken", map[string]string{"SCHILY.xattr.security.evm": "\x02digest"}))
	wanted := lax()
	wanted.exclude = patterns{"not-taken"}
	directory := filepath.Join(t.TempDir(), "is")
	made, err := extractInto(t, bytes.NewReader(archive), directory, wanted)
	check(t, err)
	var lines []string
	for _, one := range made.left {
		lines = append(lines, one.text())
	}
	text := strings.Join(lines, "\n")
	for _, part := range []string{`access control lists of "fw/a" (2 in all)`, `security.evm of "fw/c" (1 in all)`, `trusted.overlay.opaque of "fw/b" (1 in all)`} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not said in:\n%s", part, text)
		}
	}
	if len(made.left) != 3 {
		t.Errorf("too much is said:\n%s", text)
	}
	if got := extendedAt(t, filepath.Join(directory, "a")); !strings.Contains(got, "security.ima=030204") || !strings.Contains(got, "user.kept=78") {
		t.Errorf("a has%s", got)
	}
	if got := extendedAt(t, filepath.Join(directory, "b")) + extendedAt(t, filepath.Join(directory, "c")); got != "" {
		t.Errorf("b and c have%s", got)
	}

	// Who is not root restores those of users only.
	nobody := &extraction{}
	header := &tar.Header{Name: "fw/a", PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "x", "SCHILY.xattr.user.kept": "x"}}
	nobody.countLeft(header)
	if found := nobody.extendedIn(header); len(found) != 1 || found[0].Name != "user.kept" {
		t.Errorf("nobody restores %v", found)
	}
	if len(nobody.left) != 1 || !strings.Contains(nobody.left[0].text(), "does not run as root") {
		t.Errorf("nobody is told %v", nobody.left)
	}

	// The kernel's no has a code of its own.
	refused := attributes{extended: []xattr.Attribute{{Name: "system.no-such", Value: []byte("x")}}}
	handle, err := openIn(unix.AT_FDCWD, filepath.Join(directory, "a"), unix.O_RDONLY, 0)
	check(t, err)
	defer unix.Close(handle)
	if err := explain(refused.setExtended(xattr.Of(handle), "a"), "cannot extract"); err == nil || !strings.Contains(err.Error(), "system.no-such") {
		t.Errorf("an attribute that the file system does not know: %v", err)
	}
}
