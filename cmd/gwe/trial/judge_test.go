package trial

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/schema"
)

func file(content string) entry {
	return entry{Kind: "file", Mode: 0o644, Digest: digestOf(content), Content: &content}
}

func directory() entry { return entry{Kind: "directory", Mode: 0o755} }

// suiteOf reads one case.
func suiteOf(t *testing.T, text string) *schema.Case {
	t.Helper()
	suite, diagnostics := schema.ParseSuite("x.test.yaml", []byte("gwe-test: 1\ncases:\n  - name: x\n"+text))
	if len(diagnostics) > 0 {
		t.Fatal(diagnostics)
	}
	return suite.Cases[0]
}

func TestJudge(t *testing.T) {
	same := file("a")
	same.Same = "/a"
	// What every report starts from: /a and /d/b, and after the run /a has another content.
	before := tree{"/a": file("a\n"), "/d": directory(), "/d/b": file("b")}
	after := tree{"/a": file("A\n"), "/d": directory(), "/d/b": file("b")}
	cases := []struct {
		name, expect string
		report       report
		want         []string
	}{
		{"nothing said", "", report{Before: before, After: after}, nil},
		{"exit", "    expect: { exit: 3 }\n", report{}, []string{"the exit code is 0, want 3"}},
		{"as before", "    expect: { tree: as before }\n", report{Before: before, After: after},
			[]string{"the tree is not as before:", "  /a has another content:\n    -a\n    +A"}},
		{"as before, ignored", "    ignore: [/a]\n    expect: { tree: as before }\n", report{Before: before, After: after}, nil},
		{"a directory that came says enough", "    expect: { tree: as before }\n",
			report{Before: tree{}, After: tree{"/n": directory(), "/n/m": file("")}}, []string{"the tree is not as before:", "  /n is there now: a directory of mode 0755"}},
		{"a leftover of gwe counts", "    expect: { tree: as before }\n",
			report{Before: tree{}, After: tree{"/.gwe-old": file("")}}, []string{"the tree is not as before:", "  /.gwe-old is there now: a file of mode 0644"}},
		{"what gwe keeps after the commit does not", "    expect: { tree: as before }\n",
			report{Before: tree{}, After: tree{"/.gwe-old": file("")}, Events: []event{{Kind: eventCommitted}}}, nil},
		{"exact", "    expect: { exact: true, tree: { /n/m: x } }\n",
			report{Before: tree{}, After: tree{"/n": directory(), "/n/m": file("x"), "/n/o": file("")}},
			[]string{"beside what is expected:", "  /n/o is there now: a file of mode 0644"}},
		{"exact, and gone", "    expect: { exact: true, tree: { /d: { absent: true } } }\n", report{Before: before, After: tree{"/a": file("a\n")}}, nil},
		{"a hard link", "    expect: { tree: { /b: { hard-link: /a } } }\n", report{After: tree{"/a": file("a"), "/b": same}}, nil},
		{"no hard link", "    expect: { tree: { /b: { hard-link: /a } } }\n", report{After: tree{"/a": file("a"), "/b": file("a")}},
			[]string{"/b is not the same file as /a"}},
		{"log in order", "    expect: { log: [one, two] }\n", report{Said: []string{"a two", "b one", "c two"}}, nil},
		{"log out of order", "    expect: { log: [one, two] }\n", report{Said: []string{"two", "one"}}, []string{`the log does not say "two", only above "one"`}},
		{"an output", "    expect: { outputs: { n: 2, l: [a] } }\n",
			report{Outputs: map[string]json.RawMessage{"n": json.RawMessage("2"), "l": json.RawMessage(`["a"]`)}}, nil},
		{"no output", "    expect: { outputs: { n: 2 } }\n", report{Outputs: map[string]json.RawMessage{"n": json.RawMessage("null")}},
			[]string{"the output n is absent, want 2"}},
	}
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			parsed := suiteOf(t, one.expect)
			var ignored []string
			for _, path := range parsed.Ignore {
				ignored = append(ignored, path.Text)
			}
			if got := judge(parsed, nil, nil, &one.report, ignored); !slices.Equal(got, one.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(one.want, "\n"))
			}
		})
	}
}

// TestJudgeEvery: before the commit the tree must be as before; after it as at the commit or at the end,
// path by path.
func TestJudgeEvery(t *testing.T) {
	at := func(link, done string) tree {
		all := tree{"/link": {Kind: "link", Target: link}, "/other": file("o")}
		if done != "" {
			all["/done"] = file(done)
		}
		return all
	}
	well := &report{Before: at("old", ""), Commit: at("new", ""), After: at("new", "yes")}
	struck := []event{{Kind: eventFault}}
	behind := []event{{Kind: eventCommitted}, {Kind: eventFault}}
	stray := at("new", "yes")
	stray["/other"] = file("changed")
	cases := []struct {
		name  string
		fault Fault
		found report
		good  bool
	}{
		{"rolled back", Fault{}, report{Exit: 3, Before: at("old", ""), After: at("old", ""), Events: struck}, true},
		{"not rolled back", Fault{}, report{Exit: 3, Before: at("old", ""), After: at("new", ""), Events: struck}, false},
		{"manual intervention required", Fault{}, report{Exit: 5, Before: at("old", ""), After: at("old", ""), Events: struck}, false},
		{"never came", Fault{Step: "x"}, report{Before: at("old", ""), After: at("new", "yes")}, false},
		{"recovered", Fault{Kill: true}, report{Before: at("old", ""), After: at("old", ""), Events: struck}, true},
		{"not recovered", Fault{Kill: true}, report{Before: at("old", ""), After: at("new", ""), Events: struck}, false},
		{"recovery failed", Fault{Kill: true}, report{Exit: 5, Before: at("old", ""), After: at("old", ""), Events: struck}, false},
		{"after the commit, as at it", Fault{}, report{Exit: 7, Before: at("old", ""), After: at("new", ""), Events: behind}, true},
		{"after the commit, as at the end", Fault{}, report{Exit: 7, Before: at("old", ""), After: at("new", "yes"), Events: behind}, true},
		{"after the commit, as before", Fault{}, report{Exit: 7, Before: at("old", ""), After: at("old", ""), Events: behind}, false},
		{"after the commit, something else", Fault{}, report{Exit: 7, Before: at("old", ""), After: at("new", "no"), Events: behind}, false},
		{"after the commit, a stray change", Fault{}, report{Exit: 7, Before: at("old", ""), After: stray, Events: behind}, false},
		{"forgiven", Fault{}, report{Before: at("old", ""), After: at("old", "yes"), Events: []event{{Kind: eventFault}, {Kind: eventCommitted}}}, true},
	}
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			if got := judgeEvery(nil, &one.fault, well, &one.found, nil); (len(got) == 0) != one.good {
				t.Errorf("good is %v, and it found: %s", one.good, strings.Join(got, "\n"))
			}
		})
	}
}

func TestLineDifference(t *testing.T) {
	got := lineDifference("a\nb\nc\nd\ne\nf\n", "a\nb\nC\nd\ne\nf")
	if want := " b\n-c\n+C\n d\n ...\n f\n+(no newline at the end)"; got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestJudgeRollback: what came after the commit must not be lost, and does not differ from the previous tree.
func TestJudgeRollback(t *testing.T) {
	made := &later{Made: tree{"/opt/new/data": file("data"), "/conf": file("edited")}, Removed: map[string]bool{"/gone": true}}
	before := tree{"/conf": file("old"), "/gone": file("g")}
	with := func(more tree) tree {
		all := tree{"/conf": file("old")}
		for path, one := range more {
			all[path] = one
		}
		return all
	}
	aside := tree{"/.conf.kept-1": {Kind: "directory"}, "/.conf.kept-1/conf": file("edited")}
	cases := []struct {
		name  string
		after tree
		want  []string
	}{
		{"moved aside", with(tree{"/opt": {Kind: "directory"}, "/opt/.new.kept-1/data": file("data"), "/.conf.kept-1": {Kind: "directory"}, "/.conf.kept-1/conf": file("edited")}), nil},
		{"left where it was", with(tree{"/opt": {Kind: "directory"}, "/opt/new": {Kind: "directory"}, "/opt/new/data": file("data"), "/.conf.kept-1/conf": file("edited")}), nil},
		{"deleted", with(aside), []string{"the rollback deleted /opt/new/data, which came after the commit: a file of mode 0644"}},
		{"made again", tree{"/conf": file("edited"), "/gone": file("other"), "/opt/.new.kept-1/data": file("data")},
			[]string{"the tree is not as before:", "  /gone has another content:", "    -g", "    +other", "     (no newline at the end)"}},
	}
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			r := &report{Before: before, After: one.after, Later: made, Events: []event{{Kind: eventCommitted}}}
			if got := judge(&schema.Case{}, nil, nil, r, nil); strings.Join(got, "\n") != strings.Join(one.want, "\n") {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(one.want, "\n"))
			}
		})
	}
}
