package run

import "testing"

// TestPathsOverlap: a path meets itself, what it lies in, and what lies in it. A name that only begins alike
// is another one.
func TestPathsOverlap(t *testing.T) {
	set := paths{}
	set.add([]string{"/opt/app", "/etc/app/conf.d/"})
	for path, want := range map[string]bool{
		"/opt/app": true, "/opt/app/": true, "/opt/app/bin/x": true, "/opt": true, "/": true, "/etc/app": true, "/etc/app/conf.d/a": true,
		"/opt/application": false, "/etc/app/other": false, "/etc/application": false, "/srv": false,
	} {
		if got := set.overlap([]string{path}); got != want {
			t.Errorf("%s overlaps: %t, want %t", path, got, want)
		}
	}
	if (paths{}).overlap([]string{"/"}) {
		t.Error("an empty set meets something")
	}
}
