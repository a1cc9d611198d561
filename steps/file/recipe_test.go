package file_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps"
	"github.com/gwe-project/gwe/steps/check"
	"github.com/gwe-project/gwe/steps/file"
	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

func catalog() step.Catalog {
	whole := steps.Catalog()
	for _, one := range []step.Type{
		file.Copy(), file.Move(), file.Mkdir(), file.Symlink(), file.Chmod(), file.Template(), check.Checksum(), check.DiskSpace(), check.WaitFor(),
	} {
		if _, there := whole.Find(one.About().Name); !there {
			whole = append(whole, one)
		}
	}
	return whole
}

const before = `
mkdir -p release/sub state logs/old
printf 'program' > release/app.bin; ln release/app.bin release/sub/other
(cd release; sha256sum app.bin > SHA256SUMS)
printf 'host={{ .host | upper }} password={{ .password }} ports={{ join "," .ports }}\n' > release/site.tmpl
printf 'old conf' > site.conf; chmod 640 site.conf; ln site.conf site.link
printf 'old program' > app.bin
printf 'data' > state/db
printf 'a' > logs/a; printf 'b' > logs/old/b; chmod 4711 logs/a; ln -s nowhere logs/link; chown -h 9:9 logs/link
find . -exec touch -h -d '2020-01-02 03:04:05.678901234' {} +
`

const listing = `find . \( -type d -printf '%p %m %U:%G\n' -o -printf '%p %y %m %U:%G %n %l %T@ ' \( -type f -exec sha256sum {} \; -o -printf '\n' \) \) | sort`

func shell(t testing.TB, dir, script string) string {
	t.Helper()
	command := exec.Command("/bin/sh", "-euc", script)
	command.Dir = dir
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// TestRecipe sets a site up with all of the small steps, fails at the end, and is killed at every record.
func TestRecipe(t *testing.T) {
	need.Root(t, "it gives files to another user")
	const recipe = "testdata/site.yaml"
	bench, root := recipetest.New(t, catalog()), t.TempDir()
	arrange := func() {
		if err := os.RemoveAll(root); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(root, 0o755); err != nil {
			t.Fatal(err)
		}
		shell(t, root, before)
	}
	inputs := map[string]string{"root": root, "password": "hunter2"}
	arrange()
	old := shell(t, root, listing)

	inputs["fail"] = "true"
	bench.WantExit(3, recipe, inputs)
	if difference := cmp.Diff(old, shell(t, root, listing)); difference != "" {
		t.Fatalf("not as before (-before +after):\n%s", difference)
	}

	inputs["fail"] = "false"
	bench.WantExit(0, recipe, inputs)
	fresh := shell(t, root, listing)
	if conf, _ := os.ReadFile(root + "/site.conf"); string(conf) != "host=GW-1 password=hunter2 ports=80,443\n" {
		t.Errorf("the template made %q", conf)
	}
	for _, want := range []string{"./state l 777", "./var/lib/app 750 5:6", "./app.bin f 744", "./logs/link l 777 5:6", "./logs/old 750 5:6"} {
		if !strings.Contains(fresh, want) {
			t.Errorf("%q is not in\n%s", want, fresh)
		}
	}
	if strings.Contains(bench.Said(), "hunter2") {
		t.Error("the log shows the password")
	}
	found := exec.Command("grep", "-rl", "--include=journal*", "hunter2", bench.State)
	if out, err := found.Output(); err == nil {
		t.Errorf("the journal shows the password: %s", out)
	}

	// Once a run has committed, what it kept stays until the next commit.
	kept := shell(t, root, `find . -name '.gwe-*' | wc -l`)
	if strings.TrimSpace(kept) == "0" {
		t.Error("nothing was kept for a rollback")
	}

	times := func(listing string) string {
		var lines []string
		for line := range strings.SplitSeq(listing, "\n") {
			fields := strings.Fields(line)
			if strings.Contains(line, "/.gwe-") || len(fields) == 0 {
				continue
			}
			if fields[0] == "./site.conf" || fields[0] == "./state" || fields[0] == "./site.link" {
				fields[len(fields)-1] = ""
				fields = fields[:4] // written now, and with or without what was kept
			}
			if len(fields) > 4 {
				fields[4] = "" // a kept name is one more link
			}
			lines = append(lines, strings.Join(fields, " "))
		}
		return strings.Join(lines, "\n")
	}
	kills := bench.KillEverywhere(recipe, inputs, arrange, func(committed bool) {
		got := shell(t, root, listing)
		if !committed {
			if difference := cmp.Diff(old, got); difference != "" {
				t.Errorf("not as before (-before +after):\n%s", difference)
			}
		} else if difference := cmp.Diff(times(fresh), times(got)); difference != "" {
			t.Errorf("not as it should be (-should +is):\n%s", difference)
		}
	})
	if kills < 30 {
		t.Errorf("it was killed at %d places only", kills)
	}
	if strays, _ := filepath.Glob(root + "/*/.gwe-new*"); len(strays) > 0 {
		t.Error(strays)
	}
}

// A link to a release that an undo needs may go: the release stays. What the release lies in may not go, on
// whatever way it is named.
func TestLinksToWhatIsRetained(t *testing.T) {
	const start = "gwe: 1\nname: links\ninputs: { dir: { type: path, required: true } }\nlock: [\"${{ inputs.dir }}\"]\nsteps:\n" +
		"  - swap-link: { link: \"${{ inputs.dir }}/current\", to: \"${{ inputs.dir }}/rel-2\" }\n"
	for _, test := range []struct {
		name, steps string
		exit        int
		want        string
	}{
		{"remove", "  - remove: { path: \"${{ inputs.dir }}/previous\" }\n", 0, "current -> rel-2"},
		{"remove twice", "  - remove: { path: \"${{ inputs.dir }}/previous\" }\n  - symlink: { link: \"${{ inputs.dir }}/previous\", to: rel-1 }\n  - remove: { path: \"${{ inputs.dir }}/previous\" }\n", 0, "current -> rel-2"},
		{"replace", "  - symlink: { link: \"${{ inputs.dir }}/previous\", to: rel-2 }\n", 0, "current -> rel-2\nprevious -> rel-2"},
		{"copy over it", "  - copy: { from: \"${{ inputs.dir }}/current\", to: \"${{ inputs.dir }}/previous\", replace: true }\n", 0, "current -> rel-2"},
		{"move", "  - move: { from: \"${{ inputs.dir }}/previous\", to: \"${{ inputs.dir }}/older\" }\n", 0, "current -> rel-2\nolder -> rel-1"},
		{"remove the release", "  - remove: { path: \"${{ inputs.dir }}/rel-1\" }\n", 3, "current -> rel-1\nprevious -> rel-1"},
		{"remove the release by another way", "  - remove: { path: \"${{ inputs.dir }}/here/rel-1\" }\n", 3, "current -> rel-1\nprevious -> rel-1"},
		{"move what is in the release", "  - move: { from: \"${{ inputs.dir }}/previous/file\", to: \"${{ inputs.dir }}/file\" }\n", 3, "current -> rel-1\nprevious -> rel-1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			bench, root := recipetest.New(t, catalog()), t.TempDir()
			shell(t, root, "mkdir rel-1 rel-2; touch rel-1/file; ln -s rel-1 current; ln -s rel-1 previous; ln -s . here")
			recipe := filepath.Join(t.TempDir(), "links.yaml")
			if err := os.WriteFile(recipe, []byte(start+test.steps+"  - commit: ok\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			result := bench.WantExit(test.exit, recipe, map[string]string{"dir": root})
			if f := fault.As(result.Err); test.exit != 0 && (f == nil || f.Code != "path-leased") {
				t.Errorf("it failed with %v", result.Err)
			}
			if got := shell(t, root, `find . -type l ! -name '.*' ! -name here -printf '%P -> %l\n' | sort; test -e rel-1/file`); strings.TrimSpace(got) != test.want {
				t.Errorf("links are\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}
