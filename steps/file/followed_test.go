package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

// A program of the run changes what an earlier step has put there: as sed -i does, which makes a new file, or
// as an application that writes its settings anew when it starts. The step's undo takes that back all the
// same, when the run fails and when it is rolled back.
func TestAProgramReplacesWhatAStepPutThere(t *testing.T) {
	const tree = `mkdir -p d in; echo old >old; echo f >in/f; echo d >d/f; ln -s d l; echo moved >moved; chmod 644 old d/f`
	const look = `find . -name '.*' ! -name . -prune -o -printf '%p %y %m %l ' \( -type f -exec sha256sum {} \; -o -printf '\n' \) | sort`
	for name, c := range map[string]struct {
		step, program string
		// kept is what a rollback moves aside.
		kept string
	}{
		"write":                  {step: `write: { path: R/new, content: a }`, program: `sed -i s/a/b/ new`},
		"write over":             {step: `write: { path: R/old, content: a }`, program: `sed -i s/a/b/ old`},
		"write in place":         {step: `write: { path: R/old, content: a }`, program: `echo pid >>old`},
		"write removed":          {step: `write: { path: R/old, content: a }`, program: `rm old`},
		"write to a link":        {step: `write: { path: R/new, content: a }`, program: `ln -sf in/f new`},
		"template":               {step: `template: { from: R/in/f, to: R/old, values: {} }`, program: `sed -i s/f/b/ old`},
		"copy":                   {step: `copy: { from: R/in/f, to: R/old }`, program: `sed -i s/f/b/ old`},
		"symlink":                {step: `symlink: { link: R/l, to: in }`, program: `ln -sfn / l`},
		"a new symlink":          {step: `symlink: { link: R/new, to: in }`, program: `ln -sfn / new`},
		"swap-link":              {step: `swap-link: { link: R/l, to: R/in }`, program: `ln -sfn / l`},
		"a new swap-link":        {step: `swap-link: { link: R/new, to: R/in }`, program: `ln -sfn / new`},
		"chmod":                  {step: `chmod: { path: R/old, mode: "0600" }`, program: `cp -p old x; ln old y; mv x old; rm y`},
		"chmod below":            {step: `chmod: { path: R/d, mode: "u=rwX,go=", recursive: true }`, program: `cp -p d/f x; ln d/f y; mv x d/f; rm y`},
		"remove":                 {step: `remove: R/old`, program: `echo anew >old`, kept: ".old.kept-"},
		"remove a directory":     {step: `remove: R/d`, program: `mkdir d; echo anew >d/f`, kept: ".d.kept-"},
		"move":                   {step: `move: { from: R/moved, to: R/new }`, program: `echo anew >moved`, kept: ".moved.kept-"},
		"mkdir":                  {step: `mkdir: R/new`, program: `rmdir new; mkdir new`},
		"two steps at one place": {step: "copy: { from: R/in/f, to: R/old }\n  - copy: { from: R/moved, to: R/old }", program: `sed -i s/moved/b/ old`},
	} {
		t.Run(name, func(t *testing.T) {
			bench, root := recipetest.New(t, catalog()), t.TempDir()
			shell(t, root, tree)
			before := shell(t, root, look)
			recipe := filepath.Join(t.TempDir(), "recipe.yaml")
			write := func(end string) {
				t.Helper()
				text := strings.ReplaceAll("gwe: 1\nname: followed\nlock: [R/]\nsteps:\n  - "+c.step+
					"\n  - run: { script: '"+c.program+"', dir: R }\n    undo-last:\n      - run: { argv: [\"true\"] }\n", "R", root)
				if err := os.WriteFile(recipe, []byte(text+end), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			same := func(when string) {
				t.Helper()
				if now := shell(t, root, look); now != before {
					t.Errorf("not as before %s:\n%s\nwas\n%s", when, now, before)
				}
			}
			write("  - run: { argv: [\"false\"] }\n    effects: none\n")
			bench.WantExit(3, recipe, nil)
			same("after a failure")
			if left := shell(t, root, `find . -name '.?*' ! -path './.gwe-releases*'`); left != "" {
				t.Errorf("after a failure there are leftovers: %s", left)
			}
			write("  - commit: in\n")
			bench.WantExit(0, recipe, nil)
			if name == "mkdir" {
				return // after the commit, the directory of a program stays
			}
			result := bench.WantRolledBack(0)
			same("after the rollback")
			if kept := strings.Join(result.Kept, " "); (kept == "") != (c.kept == "") || !strings.Contains(kept, c.kept) {
				t.Errorf("the rollback kept %q, want %q", kept, c.kept)
			}
		})
	}
}

// Where no program of the run could have done it, another file in its place is an operator's: that stays, or
// moves aside for what was there before.
func TestAnOperatorsFileStays(t *testing.T) {
	bench, root := recipetest.New(t, catalog()), t.TempDir()
	recipe := filepath.Join(t.TempDir(), "recipe.yaml")
	text := "gwe: 1\nname: alone\nlock: [R/]\nsteps:\n  - write: { path: R/new, content: a }\n  - copy: { from: R/in, to: R/old, replace: true }\n  - write: { path: R/conf, content: a }\n  - commit: in\n"
	if err := os.WriteFile(recipe, []byte(strings.ReplaceAll(text, "R", root)), 0o600); err != nil {
		t.Fatal(err)
	}
	shell(t, root, `echo in >in; echo old >old; echo old >conf`)
	bench.WantExit(0, recipe, nil)
	shell(t, root, `echo mine >x; mv x new; mkdir d; echo mine >d/x; rm old; mv d old; echo mine >conf`)
	result := bench.WantRolledBack(0)
	if len(result.Kept) != 2 {
		t.Errorf("the rollback kept %q", result.Kept)
	}
	if now := shell(t, root, `cat new old conf .old.kept-*/x .conf.kept-*/conf`); now != "mine\nold\nold\nmine\nmine\n" {
		t.Errorf("the files are %q", now)
	}
}

// A file of the run that was changed in place after the commit moves aside, and the old one comes back.
func TestAChangedFileMovesAside(t *testing.T) {
	for _, step := range []string{"write: { path: R/old, content: \"a\\n\" }", "template: { from: R/in, to: R/old, values: {} }", "copy: { from: R/in, to: R/old }"} {
		bench, root := recipetest.New(t, catalog()), t.TempDir()
		shell(t, root, `echo old >old; echo in >in`)
		recipe := filepath.Join(t.TempDir(), "recipe.yaml")
		text := "gwe: 1\nname: changed\nlock: [R/]\nsteps:\n  - " + step + "\n  - commit: in\n"
		if err := os.WriteFile(recipe, []byte(strings.ReplaceAll(text, "R", root)), 0o600); err != nil {
			t.Fatal(err)
		}
		bench.WantExit(0, recipe, nil)
		shell(t, root, `echo mine >>old`)
		result := bench.WantRolledBack(0)
		if now := shell(t, root, `cat old; tail -n 1 .old.kept-*/old`); now != "old\nmine\n" || len(result.Kept) != 1 {
			t.Errorf("%s: after the rollback there is %q, kept %v", step, now, result.Kept)
		}
	}
}

// What the run needed for itself, and finally removed, is no reason to refuse a rollback.
func TestARollbackOfWhatFinallyRemoved(t *testing.T) {
	for name, recipe := range map[string]string{
		"of the run":      "steps:\n  - write: { path: R/mark, content: a }\n  - write: { path: R/old, content: a }\n  - commit: in\nfinally:\n  - remove: { path: R/mark, missing: ok }\n",
		"of a group":      "steps:\n  - steps:\n      - copy: { from: R/in, to: R/mark }\n    finally:\n      - remove: { path: R/mark, missing: ok }\n  - write: { path: R/old, content: a }\n",
		"of a round":      "steps:\n  - for-each: [mark, more]\n    steps:\n      - symlink: { link: \"R/${{ item }}\", to: in }\n    finally:\n      - remove: { path: \"R/${{ item }}\", missing: ok }\n  - write: { path: R/old, content: a }\n",
		"with a program":  "steps:\n  - write: { path: R/mark, content: a }\n  - write: { path: R/old, content: a }\n  - commit: in\nfinally:\n  - run: { argv: [rm, -f, R/mark] }\n",
		"with a template": "steps:\n  - template: { from: R/in, to: R/mark, values: {} }\n  - write: { path: R/old, content: a }\n  - commit: in\nfinally:\n  - remove: { path: R/mark, missing: ok }\n",
	} {
		t.Run(name, func(t *testing.T) {
			bench, root := recipetest.New(t, catalog()), t.TempDir()
			shell(t, root, `echo old >old; echo in >in`)
			file := filepath.Join(t.TempDir(), "recipe.yaml")
			text := "gwe: 1\nname: finally\nlock: [R/]\n" + recipe
			if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "R", root)), 0o600); err != nil {
				t.Fatal(err)
			}
			bench.WantExit(0, file, nil)
			bench.WantRolledBack(0)
			if now := shell(t, root, `ls -A; cat old`); now != "in\nold\nold\n" {
				t.Errorf("after the rollback there is\n%s", now)
			}
			// What is there again was put there by somebody else: the undo leaves it alone, and the recipe's
			// own finally does not.
			bench.WantExit(0, file, nil)
			shell(t, root, `echo theirs >mark`)
			bench.WantRolledBack(0)
			if now := shell(t, root, `cat old`); now != "old\n" {
				t.Errorf("after the rollback there is\n%s", now)
			}
		})
	}
}
