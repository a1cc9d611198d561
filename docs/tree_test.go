// Package docs_test holds the code to what the documents say of its structure.
package docs_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/gwe-project/gwe/"

// rule is a row of the table in tree.md.
type rule struct {
	room string
	// may are rooms; "..." at the end means all below, too.
	may                 []string
	leaves, all, inside bool
	// but are packages that all leaves out.
	but []string
}

var (
	quoted = regexp.MustCompile("`([^`]+)`")
	row    = regexp.MustCompile(`^\| (.+?) \| (.+) \|(.*)\|$`)
)

// rules reads the table, and the leaves that are named below it.
func rules(t *testing.T) (found []rule, leaves []string) {
	t.Helper()
	text, err := os.ReadFile("tree.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if strings.HasPrefix(line, "Leaves are ") {
			for _, name := range quoted.FindAllStringSubmatch(strings.SplitN(line, ":", 2)[0], -1) {
				leaves = append(leaves, "engine/"+strings.TrimPrefix(name[1], "engine/"))
			}
		}
		cells := row.FindStringSubmatch(line)
		if cells == nil || !strings.Contains(cells[1], "`") {
			continue
		}
		cells[3] = strings.TrimSpace(cells[3])
		made := rule{leaves: strings.Contains(cells[3], "leaves"), all: strings.HasPrefix(cells[3], "all"), inside: strings.Contains(cells[3], "rooms below")}
		_, but, _ := strings.Cut(cells[3], "all but ")
		for _, name := range quoted.FindAllStringSubmatch(cells[3], -1) {
			if strings.Contains(but, name[0]) {
				made.but = append(made.but, strings.TrimSuffix(name[1], "/"))
			} else {
				made.may = append(made.may, strings.TrimSuffix(name[1], "/"))
			}
		}
		for _, name := range quoted.FindAllStringSubmatch(cells[1], -1) {
			made.room = strings.TrimSuffix(name[1], "/")
			found = append(found, made)
		}
	}
	return found, leaves
}

func below(path, room string) bool { return path == room || strings.HasPrefix(path, room+"/") }

// of is the rule of the nearest room around a package.
func of(all []rule, path string) *rule {
	var nearest *rule
	for i := range all {
		room, open := strings.CutSuffix(all[i].room, "/<domain>")
		if (path == all[i].room || below(path, room) && (!open || path != room)) && (nearest == nil || len(room) >= len(strings.TrimSuffix(nearest.room, "/<domain>"))) {
			nearest = &all[i]
		}
	}
	return nearest
}

func (r rule) allows(path string, leaves []string) bool {
	switch {
	case r.all:
		return !slices.Contains(r.but, path)
	case r.leaves && slices.Contains(leaves, path), r.inside && below(path, r.room), slices.Contains(r.may, path):
		return true
	}
	return slices.ContainsFunc(r.may, func(room string) bool {
		above, open := strings.CutSuffix(room, "/...")
		return open && below(path, above)
	})
}

// TestImports: a package imports of ours what the table allows it, and nothing else.
func TestImports(t *testing.T) {
	all, leaves := rules(t)
	if len(all) < 30 || len(leaves) < 10 {
		t.Fatalf("the table has %d rows and %d leaves: is it still read?", len(all), len(leaves))
	}
	command := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	command.Dir = ".."
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	met := map[string]bool{}
	for decoder := json.NewDecoder(strings.NewReader(string(output))); decoder.More(); {
		var one struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&one); err != nil {
			t.Fatal(err)
		}
		path := strings.TrimPrefix(one.ImportPath, module)
		its := of(all, path)
		if its == nil {
			t.Errorf("%s has no row in the table", path)
			continue
		}
		met[its.room] = true
		for _, name := range one.Imports {
			name, ours := strings.CutPrefix(name, module)
			if ours && !its.allows(name, leaves) {
				t.Errorf("%s imports %s, which the row of %s does not allow", path, name, its.room)
			}
		}
	}
	for _, one := range all {
		if info, err := os.Stat("../" + strings.TrimSuffix(one.room, "/<domain>")); err != nil || !info.IsDir() {
			t.Errorf("the table has %s, which is not a directory", one.room)
		}
	}
	if len(met) < 30 {
		t.Errorf("only %d rows were met", len(met))
	}
}
