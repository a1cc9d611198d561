package conformance

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// masks are those of an ordinary caller, of a hardened one, and of one that forbids nothing.
var masks = []int{0o022, 0o077, 0}

// checkUmask: what do makes has the same mode whoever calls gwe. An update by hand from a hardened shell and
// one by a service must not differ, and a release that its program cannot enter is a broken one.
func checkUmask(t T, c Case) {
	var want tree
	for _, mask := range masks {
		s := prepared(t, c)
		is := s.doUnder(mask)
		if want == nil {
			want = is
			continue
		}
		for _, name := range names(want, nil) {
			one, made := is[name]
			if made && one.mode != want[name].mode && one.mode&fs.ModeSymlink == 0 {
				t.Errorf("%s has the mode %v under the umask %03o, and %v under %03o", name, one.mode, mask, want[name].mode, masks[0])
			}
		}
	}
}

// doUnder acts under a umask of the process and gives the tree, without gwe's own names.
func (s *sandbox) doUnder(mask int) tree {
	s.t.Helper()
	before := unix.Umask(mask)
	defer unix.Umask(before)
	s.do()
	return snapshot(s.t, s.root).without(ours)
}
