package transfer_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps"
	"github.com/gwe-project/gwe/steps/file"
	"github.com/gwe-project/gwe/steps/steptest/recipetest"
	"github.com/gwe-project/gwe/steps/transfer"
)

const recipe = "../../recipes/ota-rsync.yaml"

// catalog is gwe's, with what the recipe needs beside it.
func catalog() step.Catalog {
	all := steps.Catalog()
	for _, one := range []step.Type{transfer.Rsync(), file.Mkdir()} {
		if _, known := all.Find(one.About().Name); !known {
			all = append(all, one)
		}
	}
	return all
}

// gateway has release one, and sources two, a good one, and bad, whose post-install fails.
type gateway struct {
	testing.TB
	base  string
	bench *recipetest.Bench
}

func newGateway(t testing.TB) *gateway {
	t.Helper()
	g := &gateway{t, t.TempDir(), recipetest.New(t, catalog())}
	for name, last := range map[string]string{"one": "exit 0", "two": "exit 0", "bad": "exit 1"} {
		g.sh(`mkdir -p sources/$0/lib; cd sources/$0; echo "$0" > version; seq 1000 > lib/same; ln -s same lib/link; touch -d 2020-01-01 lib/same
printf '#!/bin/sh\necho "$0 pre" >> `+g.base+`/said\n' > .pre-install; printf '#!/bin/sh\n`+last+`\n' > .post-install; chmod 755 .p*; touch -hd 2020-01-01 lib/link lib .p* .`, name)
	}
	return g
}

func (g *gateway) sh(script string, arguments ...string) string {
	g.Helper()
	command := exec.Command("sh", append([]string{"-ec", script}, arguments...)...)
	command.Dir = g.base
	said, err := command.CombinedOutput()
	if err != nil {
		g.Fatalf("%s: %v\n%s", script, err, said)
	}
	return string(bytes.TrimSpace(said))
}

// tree shows all that is in the target.
func (g *gateway) tree() string {
	g.Helper()
	return g.sh(`test ! -e opt || { cd opt; find . ! -name . -printf '%P %y %m %n %l ' \( -type f -printf '%T@ ' -exec md5sum {} + -o -printf '\n' \) | sort; }`)
}

func (g *gateway) inputs(name string) map[string]string {
	return map[string]string{"source": filepath.Join(g.base, "sources", name), "name": name, "target": filepath.Join(g.base, "opt")}
}

// TestRecipe installs, updates, and goes back from a release that does not start.
func TestRecipe(t *testing.T) {
	g := newGateway(t)
	before := g.tree()
	g.bench.WantExit(3, recipe, g.inputs("bad"))
	if after := g.tree(); after != before {
		t.Errorf("after a failed first install:\n%s", after)
	}
	g.bench.WantExit(0, recipe, g.inputs("one"))
	before = g.tree()
	g.bench.WantExit(3, recipe, g.inputs("bad"))
	if after := g.tree(); after != before {
		t.Errorf("after a failed update:\n%s\nbefore:\n%s", after, before)
	}
	g.bench.WantExit(6, recipe, g.inputs("one"))
	g.bench.WantExit(0, recipe, g.inputs("two"))
	if got := g.sh(`readlink opt/current; cat opt/current/version; stat -c %h opt/current/lib/same`); got != g.base+"/opt/two\ntwo\n2" && got != "two\ntwo\n2" {
		t.Errorf("%s", got)
	}
	g.bench.WantNothingHidden(g.base + "/opt")
}

// TestRecipeDisturbed lets an update fail after every step, and kills gwe everywhere: in an update, and in
// one that fails.
func TestRecipeDisturbed(t *testing.T) {
	for _, name := range []string{"two", "bad"} {
		g := newGateway(t)
		g.bench.WantExit(0, recipe, g.inputs("one"))
		g.sh("cp -a opt opt.kept")
		before := g.tree()
		arrange := func() { g.sh("rm -rf opt; cp -a opt.kept opt; cp -a --remove-destination opt.kept/. opt") }
		check := func(committed bool) {
			if after := g.tree(); !committed && after != before {
				t.Errorf("%s: not as before:\n%s\nbefore:\n%s", name, after, before)
			}
			if committed && name == "bad" {
				t.Error("the bad one was committed")
			}
			if got := g.sh(`cat opt/current/version`); committed && got != "two" {
				t.Errorf("the new state is not whole: %s", got)
			}
			if committed {
				g.bench.WantNothingHidden(g.base + "/opt")
			}
		}
		if name == "two" {
			if failures := g.bench.FailEverywhere(recipe, g.inputs(name), arrange, check); failures != 9 {
				t.Errorf("it failed after %d steps", failures)
			}
		}
		if kills := g.bench.KillEverywhere(recipe, g.inputs(name), arrange, check); kills < 10 {
			t.Errorf("%s: %d kills only", name, kills)
		}
		_ = os.Remove(g.base + "/said")
	}
}

// TestMirror fills one target again and again, with deletions, by a recipe without a lock.
func TestMirror(t *testing.T) {
	g := newGateway(t)
	mirror := filepath.Join(g.base, "mirror.yaml")
	if err := os.WriteFile(mirror, []byte(`gwe: 1
name: mirror
inputs: { source: { type: path, required: true }, target: { type: path, required: true } }
steps:
  - rsync: { source: "${{ inputs.source }}", target: "${{ inputs.target }}", delete: true }
`), 0o644); err != nil {
		t.Fatal(err)
	}
	for round := range 4 {
		g.sh("mkdir -p work; rm -f work/gone*; echo "+strconv.Itoa(round)+" | tee work/same > work/gone$0; touch -d 2020-01-0$0 work/same work", strconv.Itoa(round+1))
		g.bench.WantExit(0, mirror, map[string]string{"source": g.base + "/work", "target": g.base + "/opt"})
		g.sh("diff -r work opt")
	}
}

// Links in the target that lead above it, to the root, or to what an undo keeps are deleted as the real rsync
// deletes them.
func TestDeletedLinks(t *testing.T) {
	g := newGateway(t)
	make := func(name string) string {
		return g.sh(`mkdir -p s "$0/kept" rel-1; ln -sfn rel-1 current; echo a > s/a; ln -s .. "$0/up"; ln -s / "$0/root"; ln -s ../rel-1 "$0/release"; ln -s . "$0/self"; ln -s nowhere "$0/none"; echo k > "$0/kept/k"; realpath "$0"`, name)
	}
	target, other := make("d"), make("peer")
	recipe := filepath.Join(t.TempDir(), "links.yaml")
	if err := os.WriteFile(recipe, []byte(`gwe: 1
name: links
inputs: { dir: { type: path, required: true } }
lock: ["${{ inputs.dir }}"]
steps:
  - mkdir: { path: "${{ inputs.dir }}/rel-2" }
  - swap-link: { link: "${{ inputs.dir }}/current", to: "${{ inputs.dir }}/rel-2" }
  - rsync: { source: "${{ inputs.dir }}/s", target: "${{ inputs.dir }}/d", delete: true }
  - commit: ok
`), 0o600); err != nil {
		t.Fatal(err)
	}
	g.bench.WantExit(0, recipe, map[string]string{"dir": g.base})
	g.sh(`rsync -a --delete s/ peer/`)
	if got, want := g.sh(`cd "$0"; find . ! -name '.gwe-*' ! -path '*/.gwe-*'`, target), g.sh(`cd "$0"; find .`, other); got != want {
		t.Errorf("the target has\n%s\nwith the real rsync\n%s", got, want)
	}
}
