package archive

import (
	"archive/tar"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
)

// A name of gwe's own is refused at any depth, and what only looks like one is not.
func TestOwnNames(t *testing.T) {
	for name, code := range map[string]string{
		".gwe-old-x": "archive-own-name", "lib/.gwe-releases/1": "archive-own-name", ".gwe/copy": "", "a.gwe-b": "", ".gwe": "",
	} {
		err := checkOwn(entry{Header: &tar.Header{Name: name}, parts: strings.Split(name, "/")})
		if found := fault.As(err); (found == nil) != (code == "") || found != nil && found.Code != code {
			t.Errorf("%s: %v", name, err)
		}
	}
}
