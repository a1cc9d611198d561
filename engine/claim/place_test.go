package claim

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
)

// TestUnsafePlaces: a directory of locks that a less trusted user owns, can write or can replace is refused,
// with a cure.
func TestUnsafePlaces(t *testing.T) {
	need.Root(t, "it gives directories away")
	for _, test := range []struct {
		name  string
		build func(directory string) error
		want  string
		hint  string
	}{
		{"made anew", func(string) error { return nil }, "", ""},
		{"there already", func(directory string) error { return os.MkdirAll(directory+"/gwe/locks", 0o700) }, "", ""},
		{"readable by all", func(directory string) error { return os.MkdirAll(directory+"/gwe/locks", 0o755) }, "", ""},
		{"in a sticky directory", func(directory string) error { return os.Chmod(directory, 0o777|os.ModeSticky) }, "", ""},
		{"by a link of root's", func(directory string) error {
			return errors.Join(os.Mkdir(directory+"/real", 0o755), os.Symlink("real", directory+"/gwe"))
		}, "", ""},
		{"of another user", func(directory string) error {
			return errors.Join(os.MkdirAll(directory+"/gwe/locks", 0o700), os.Chown(directory+"/gwe/locks", 65534, 65534))
		}, "lock-directory-unsafe", "chown root: "},
		{"below one of another user", func(directory string) error {
			return errors.Join(os.MkdirAll(directory+"/gwe/locks", 0o700), os.Chown(directory+"/gwe", 65534, 65534))
		}, "lock-directory-unsafe", "/gwe"},
		{"writable by all", func(directory string) error {
			return errors.Join(os.MkdirAll(directory+"/gwe/locks", 0o700), os.Chmod(directory+"/gwe/locks", 0o777))
		}, "lock-directory-unsafe", "chmod go-w"},
		{"sticky itself", func(directory string) error {
			return errors.Join(os.MkdirAll(directory+"/gwe/locks", 0o700), os.Chmod(directory+"/gwe/locks", 0o777|os.ModeSticky))
		}, "lock-directory-unsafe", "chmod go-w"},
		{"writable by a group", func(directory string) error {
			return errors.Join(os.MkdirAll(directory+"/gwe/locks", 0o700), os.Chown(directory+"/gwe", 0, 65534), os.Chmod(directory+"/gwe", 0o775))
		}, "lock-directory-unsafe", "chmod go-w"},
		{"by a link of another user", func(directory string) error {
			return errors.Join(os.Chmod(directory, 0o777|os.ModeSticky), os.Mkdir(directory+"/real", 0o755), os.Symlink("real", directory+"/gwe"),
				os.Lchown(directory+"/gwe", 65534, 65534))
		}, "lock-directory-unsafe", "chown"},
		{"by a link into what another user can write", func(directory string) error {
			return errors.Join(os.MkdirAll(directory+"/theirs/real", 0o755), os.Chown(directory+"/theirs", 65534, 65534), os.Symlink("theirs/real", directory+"/gwe"))
		}, "lock-directory-unsafe", "chown"},
		{"a file", func(directory string) error { return os.WriteFile(directory+"/gwe", nil, 0o644) }, "lock-directory-unusable", Variable},
	} {
		directory := private(t)
		if err := test.build(directory); err != nil {
			t.Fatal(err)
		}
		if err := placeIn(directory).Check(); code(err) != test.want {
			t.Errorf("%s, for a plan: %v", test.name, err)
		}
		held, err := placeIn(directory).Take(Holder{}, Resolve(directory))
		if code(err) != test.want {
			t.Errorf("%s: %v", test.name, err)
		}
		if err != nil && (fault.ClassOf(err) != fault.Refused || !strings.Contains(fault.As(err).Hint, test.hint) || !strings.Contains(fault.As(err).Hint, Variable)) {
			t.Errorf("%s: it is %s, and the hint is %q", test.name, fault.ClassOf(err), fault.As(err).Hint)
		}
		held.Release()
		if place := placeIn(directory); test.want != "" && place.Look(Holder{}, Resolve(directory)) != nil {
			t.Errorf("%s: a look tells of somebody", test.name)
		}
	}
}

// TestUsualPlaces: all gwes of a user find the same place.
func TestUsualPlaces(t *testing.T) {
	home := private(t)
	environment := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	if got := Usual(environment(Variable, home, "HOME", "/root")); got != (Place{Live: home + "/locks", Kept: home + "/targets"}) {
		t.Errorf("chosen: %+v", got)
	}
	if os.Geteuid() == 0 {
		if got := Usual(environment("HOME", home, "XDG_STATE_HOME", home)); got.Live != "/run/gwe/locks" || got.Kept != "/var/lib/gwe/targets" {
			t.Errorf("root: %+v", got)
		}
	}
	for _, test := range []struct {
		pairs []string
		want  string
	}{
		{[]string{"HOME", home}, filepath.Join(home, ".local/state/gwe/locks")},
		{[]string{"HOME", home, "XDG_STATE_HOME", home + "/state"}, filepath.Join(home, "state/gwe/locks")},
		{[]string{"HOME", "/dev/null"}, "/var/tmp/gwe-65534/locks"},
		{[]string{"HOME", "relative"}, "/var/tmp/gwe-65534/locks"},
		{nil, "/var/tmp/gwe-65534/locks"},
	} {
		if got := usualOfUser(65534, environment(test.pairs...)); got.Live != test.want || filepath.Dir(got.Kept) != filepath.Dir(got.Live) {
			t.Errorf("%v: %+v", test.pairs, got)
		}
	}
}
