package gateway

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/recipes"
)

const (
	newGwe = "gwe-2"
	// Of the recipe there are two forms: the second one does not clear up after its commit.
	selfUpdate, keepingSelfUpdate = "self-update.yaml", "keeping-self-update.yaml"
)

// PackGwe packs the gwe that a self-update installs: the one of a path, told apart by its size.
func (v Vendor) PackGwe(t Reporter, program string) {
	t.Helper()
	g := Gateway{Reporter: t, Root: string(v)}
	content, err := os.ReadFile(program)
	g.Check(err)
	g.Check(os.Mkdir(g.Path(newGwe), 0o755))
	g.Check(os.WriteFile(g.Path(newGwe, "gwe"), append(content, "another one\n"...), 0o755))
	for _, name := range []string{"gwe", ""} {
		g.Check(os.Chtimes(g.Path(newGwe, name), made, made))
	}
	g.pack(newGwe, g.Path("vendor.key"))
}

// installGwe gives the machine a gwe of its own.
func (g *Gateway) installGwe() {
	g.Helper()
	content, err := os.ReadFile(g.Program)
	g.Check(err)
	g.Program = g.Path("bin/gwe")
	g.Check(errors.Join(os.WriteFile(g.Program, content, 0o755), os.Chtimes(g.Program, made, made)))
}

// GweBefore is the gwe to recover with where the other does not start: the one that a self-update has kept,
// if there is one.
func (g *Gateway) GweBefore() string {
	before := g.Path("bin/gwe.before")
	if _, err := exec.LookPath(before); err != nil {
		return g.Program
	}
	return before
}

// provideSelfUpdate puts the shipped recipe there. In that of gwe-bad a last step before the commit fails.
func (g *Gateway) provideSelfUpdate(release string) {
	g.Helper()
	recipe, err := recipes.Read("self-update")
	g.Check(err)
	text := string(recipe)
	commit, clearUp := strings.Index(text, "  - commit:"), strings.Index(text, "  - name: Clear up")
	outputs := strings.Index(text, "outputs:")
	if commit < 0 || clearUp < commit || outputs < clearUp {
		g.Fatal("recipes/self-update.yaml is not what it was")
	}
	if release != newGwe {
		text = text[:commit] + "  - run: { argv: [\"false\"] }\n    undo: none\n\n" + text[commit:]
	}
	g.Check(os.WriteFile(g.Path(selfUpdate), []byte(text), 0o644))
	g.Check(os.WriteFile(g.Path(keepingSelfUpdate), []byte(text[:clearUp]+text[outputs:]), 0o644))
}

func (g *Gateway) selfUpdateArguments(keep int) []string {
	recipe := selfUpdate
	if keep > 1 {
		recipe = keepingSelfUpdate
	}
	return []string{"run", g.Path(recipe), "-i", "package=" + g.Path("package"), "-i", "program=" + g.Path("bin/gwe"),
		"-i", "target=" + g.Path("opt"), "-i", "keyring=" + filepath.Join(string(g.Vendor), "keys")}
}
