package runstate

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
)

// mostLinks bounds how many symbolic links are followed for one path, as the kernel's ELOOP does.
const mostLinks = 40

// AnyNeeds reports whether removing what is at the path takes away what one of the leases names, or whether
// the path lies in it.
//
// The path is an entry in its directory: a symbolic link there is the link, never what it leads to, since
// that stays when the link goes. A lease needs every link that leads to it, and what is at its end.
func AnyNeeds(leases []string, path string) bool {
	entry := entryOf(path)
	for _, lease := range leases {
		if !filepath.IsAbs(lease) {
			continue // a step that kept nothing
		}
		for _, needed := range waypoints(lease) {
			if Overlaps(entry, needed) {
				return true
			}
		}
	}
	return false
}

// entryOf resolves the directory that the path is in, and not its last name.
func entryOf(path string) string {
	found := follow(path, false)
	return found[len(found)-1]
}

// waypoints are the places of a lease: of each symbolic link on the way, and of what is at its end. A link
// under a hidden name of gwe's own was moved there to be kept, so it is not followed.
func waypoints(lease string) []string {
	return follow(lease, !strings.HasPrefix(filepath.Base(lease), durable.Prefix))
}

// follow walks an absolute path as the kernel does. It returns the place of every link that it follows, then
// that of the end. What is not there, or cannot be read, is a plain name.
func follow(path string, last bool) []string {
	var links []string
	at, rest := "/", components(filepath.Clean(path))
	for len(rest) > 0 {
		at, rest = filepath.Join(at, rest[0]), rest[1:]
		if len(rest) == 0 && !last || len(links) == mostLinks {
			continue
		}
		target, err := os.Readlink(at)
		if err != nil {
			continue
		}
		links = append(links, at)
		if at = filepath.Dir(at); filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(components(target), rest...)
	}
	return append(links, at)
}

// components splits a path into the names in it.
func components(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// LeasesOf lists what the undos of earlier runs need.
func LeasesOf(earlier []*StoredRun) []string {
	var paths []string
	for _, p := range earlier {
		paths = append(paths, p.Leases()...)
	}
	return paths
}

// AnyOverlaps reports whether a directory lies in one of others, or one of them in it, where links lead to
// directories.
func AnyOverlaps(path string, others []string) bool {
	for _, other := range others {
		if Overlaps(path, other) || Overlaps(Real(path), Real(other)) {
			return true
		}
	}
	return false
}
