//go:build amd64

package main

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// takesUp is what a program does that takes up what is in the tree: it notes all names, kinds, modes, owners,
// sizes and times in marks/taken-PROGRAM. An undo that leaves a program with something else than what is
// there in the end can be seen by that.
const takesUp = `cd "$TARGET"
{ find . -name '.gwe-*' -prune -o -type d -printf '%P %m %U %G\n' -o -printf '%P %y %l %m %U %G %s %T@\n' || :; } 2>/dev/null | LC_ALL=C sort | cksum >"$MARKS/.taken-$PROGRAM.$$"
mv "$MARKS/.taken-$PROGRAM.$$" "$MARKS/taken-$PROGRAM"
`

// takesPlugin is a step type that does the same, and refreshes.
//
//go:embed gwe-step-takes
var takesPlugin []byte

var programs = []string{"one", "two"}

// takes makes a program take up the tree. It is told again last, by undo-last or since its type refreshes.
func (g *generator) takes() fields {
	program := choose(g, programs)
	if g.rounds == 0 && g.IntN(3) == 0 {
		return fields{"takes": fields{"target": target(""), "marks": "${{ inputs.marks }}", "program": program}}
	}
	s := fields{"run": tells(program)["run"], "undo-last": []any{tells(program)}}
	switch g.IntN(6) {
	case 0: // it took the change up, and fails: what is undone alone then leaves older changes
		s["run"].(fields)["script"] = takesUp + "exit 3\n"
		s["allow-failure"] = true
		g.early()
	case 1:
		other := choose(g, programs)
		s["undo-last"] = []any{tells(program), fields{"when": "inputs.no", "run": tells(other)["run"]}}
	}
	return s
}

// tells is the step that a program takes the tree up by.
func tells(program string) fields {
	return fields{"run": fields{"script": takesUp, "env": fields{"TARGET": target(""), "MARKS": "${{ inputs.marks }}", "PROGRAM": program}}}
}

// wantTold is asked where all was undone: each program that took up anything has what is there now.
func (s *site) wantTold(when string) {
	taken, _ := filepath.Glob(s.path("marks/taken-*"))
	for _, path := range taken {
		has, err := os.ReadFile(path)
		s.check(err)
		look := exec.Command("sh", "-c", takesUp)
		scratch := s.Findings.TempDir()
		look.Env = append(os.Environ(), "TARGET="+s.path("tree"), "MARKS="+scratch, "PROGRAM=now")
		s.check(look.Run())
		now, err := os.ReadFile(filepath.Join(scratch, "taken-now"))
		s.check(err)
		s.check(os.RemoveAll(scratch))
		if string(has) != string(now) {
			s.Errorf("%s program %s was not told of the undo: it has %s, and there is %s", when,
				strings.TrimPrefix(filepath.Base(path), "taken-"), strings.TrimSpace(string(has)), strings.TrimSpace(string(now)))
		}
	}
}

// forgetTold takes away what programs took up.
func (s *site) forgetTold() {
	taken, _ := filepath.Glob(s.path("marks/*taken-*"))
	for _, path := range taken {
		s.check(os.Remove(path))
	}
}
