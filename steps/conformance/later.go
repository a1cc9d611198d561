package conformance

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// checkLater: an undo after the commit deletes nothing that came into the directories that do has made. It
// leaves such entries where they are, or moves them to a directory of which it tells; all else is as before.
func checkLater(t T, c Case) {
	s := prepared(t, c)
	s.do()
	if err := c.Type.Verify(t.Context(), s.run(nil), s.arguments, s.memo); err != nil {
		t.Fatalf("verify right after do: %v", err)
	}
	after := snapshot(t, s.root)
	strangers := s.strangers(after)
	found := snapshot(t, s.root)
	for range 2 {
		var kept []string
		run := s.undoing(nil)
		run.AfterCommit, run.Kept = true, func(path string) { kept = append(kept, path) }
		run.Environment = append(run.Environment, "GWE_AFTER_COMMIT=1")
		if err := c.Type.Undo(t.Context(), run, s.arguments, s.memo); err != nil {
			t.Fatalf("undo after the commit: %v", err)
		}
		s.keptLater(strangers, kept, found)
	}
	s.release()
	s.keptLater(strangers, nil, found)
}

// strangers puts entries into every new directory, as a program of the release would, and gives the digests
// of their contents.
func (s *sandbox) strangers(after tree) map[string]string {
	s.t.Helper()
	digests := map[string]string{}
	for _, name := range names(after, nil) {
		_, before := s.before[name]
		hidden := slices.ContainsFunc(strings.Split(name, "/"), ours)
		if before || hidden || !after[name].mode.IsDir() {
			continue
		}
		for _, way := range []string{"came-later", "came-later-too/data"} {
			path := filepath.Join(s.root, name, way)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				s.t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte("later "+filepath.Join(name, way)), 0o600); err != nil {
				s.t.Fatal(err)
			}
			one, err := look(path)
			if err != nil {
				s.t.Fatal(err)
			}
			digests[one.digest] = filepath.Join(name, way)
		}
	}
	return digests
}

// keptLater fails the test where a stranger's entry is gone, or anything else is not as the undo had to leave
// it.
func (s *sandbox) keptLater(strangers map[string]string, kept []string, found tree) {
	s.t.Helper()
	is := snapshot(s.t, s.root)
	missing := map[string]string{}
	for digest, name := range strangers {
		missing[digest] = name
	}
	// What stays are the entries, and what they lie in.
	stays := map[string]bool{}
	for name, one := range is {
		if _, stranger := strangers[one.digest]; !stranger || one.digest == "" {
			continue
		}
		delete(missing, one.digest)
		for at := name; at != "."; at = filepath.Dir(at) {
			stays[at] = true
		}
	}
	for _, name := range missing {
		s.t.Errorf("undo after the commit deletes %s, which do did not make", name)
	}
	for _, path := range kept {
		if _, err := os.Lstat(path); err != nil || !filepath.IsAbs(path) {
			s.t.Errorf("undo tells that it keeps %s, where nothing is", path)
		}
	}
	want, exact := s.before, exactness{loose: worked(s.before, found), anyLinks: true}
	if s.c.Type.About().Undo == "" {
		want = found
	}
	added := func(name string) bool { _, before := want[name]; return stays[name] && !before }
	for name := range stays {
		exact.loose[filepath.Dir(name)] = true
	}
	for _, finding := range difference(want, is.without(added), s.c.exact(exact)) {
		s.t.Errorf("after an undo after the commit: %s", finding)
	}
}
