// Package need lets a test say what it needs of the machine that it runs on.
//
// It is imported by tests only, and imports nothing of ours. Where the machine lacks something, the test is
// skipped with the reason. Where GWE_TEST_REQUIRE_ALL is 1, as in scripts/test, it fails instead, so that no
// test is left out in silence. GWE_TEST_LEFT_OUT names, with spaces between, the things that scripts/test
// found missing and printed: tests that need those are still skipped.
package need

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// The variables that decide whether a test that cannot run here fails.
const (
	RequireAll = "GWE_TEST_REQUIRE_ALL"
	LeftOut    = "GWE_TEST_LEFT_OUT"
)

// Thing is something that a machine may lack.
type Thing string

// What tests need.
const (
	Superuser Thing = "root"
	Chattr    Thing = "chattr"
	Cgroups   Thing = "cgroups"
	FUSE      Thing = "fuse"
	Landlock  Thing = "landlock"
	// Program is a program that the reason names.
	Program Thing = "program"
	// Time is what -short takes from a test.
	Time Thing = "time"
	// Setting is an environment variable that the reason names.
	Setting Thing = "setting"
)

// cure is an imperative: how the test can be run.
func (t Thing) cure() string {
	switch t {
	case Superuser:
		return "run the tests as root"
	case Chattr:
		return "install e2fsprogs, run as root, and set TMPDIR to a directory on ext4"
	case Cgroups:
		return "run as root, with a writable control group"
	case FUSE:
		return "load the module fuse, and let root make and open its device"
	case Landlock:
		return "boot a kernel with CONFIG_SECURITY_LANDLOCK, and landlock in its list lsm="
	case Program:
		return "install it; scripts/test does"
	case Time:
		return "run without -short"
	case Setting:
		return "set the variable"
	}
	return "use a machine that has it"
}

// Root ends a test that root alone can run, unless it runs as root. The reason says what needs root: "it
// mounts".
func Root(t testing.TB, reason string) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, Superuser, reason)
	}
}

// Owner gives a file to a user and a group, for a test to which the owner matters little. root alone can do
// so: for another user the file stays their own, and the log says so, or the test fails if every test is
// required.
func Owner(t testing.TB, path string, uid, gid int) {
	t.Helper()
	if os.Geteuid() != 0 {
		said := fmt.Sprintf("%s stays its maker's: root alone can give files to others (%s)", path, Superuser.cure())
		if Required(Superuser) {
			t.Fatal(said)
		}
		t.Log(said)
		return
	}
	if err := os.Lchown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
}

// Required reports whether a test that lacks a thing fails.
func Required(thing Thing) bool {
	return os.Getenv(RequireAll) == "1" && !slices.Contains(strings.Fields(os.Getenv(LeftOut)), string(thing))
}

// Missing ends the test, as the machine lacks a thing: the test is skipped, or fails if every test is
// required.
func Missing(t testing.TB, thing Thing, reason string) {
	t.Helper()
	said := fmt.Sprintf("needs %s: %s (%s)", thing, reason, thing.cure())
	if Required(thing) {
		t.Fatal(said)
	}
	t.Skip(said)
}
