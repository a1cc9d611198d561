package transfer

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// patternTree has paths that tell the rules of patterns apart.
var patternTree = []string{
	"a", "b.log", "c/", "c/a", "c/b.log", "c/d/", "c/d/a", "c/d/e/", "c/d/e/a", "c/d/e/f.log", "d/", "d/a", "d/x/", "d/x/a", "d/x/y/", "d/x/y/z",
	"foo/", "foo/bar/", "foo/bar/foo", "foo/foo", "foobar", "back\\slash", "st*r", "br[a]ck", "q?", "new\nline", "bad\xff", "ü", "A", "B1", "]", "-", "^", "a-b",
	"deep/", "deep/foo/", "deep/foo/bar/", "deep/foo/bar/x", "x.d/", "x.d/x.d", "\t", " ", "!x", "dir/", "dir/dir", "dir/***x",
}

// patterns are tried one by one, as an exclude alone, and as an include over an exclude of all files.
var patterns = []string{
	"a", "/a", "a/", "/a/", "*", "/*", "*/", "**", "/**", "***", "?", "/?", "*.log", "/*.log", "c/*", "/c/*", "c/**", "/c/**", "c/***", "/c/***", "c/d", "d/a", "/d/a",
	"c/d/", "d/x/", "d/e", "**/a", "/**/a", "**/d/a", "**a", "a**", "d/**", "d/**/z", "**/x/**", "x/**/z", "c/**/f.log", "/c/**/f.log", "c**log", "foo", "foo/", "foo/bar", "foo/bar/",
	"/foo/bar/", "c/d?a", "/c?d/a", "**d?a", "/c*a", "/c/d*a", "/c[/]d/a", "bar/foo", "foo/*/foo", "*/foo", "*/bar", "f*o", "foo*", "*foo*", "foo?ar", "foo/b?r", "?/?", "*/*", "/*/*", "*/*/*", "/*/*/", "foo/***", "foo/bar/***", "bar/***",
	"/foo/***", "deep/***", "**/foo/***", "dir/***", "dir/**", "dir/*", "dir\\***", "dir/\\*\\*\\*x", "back\\slash", "back\\\\slash", "*\\slash", "*\\\\slash", "st*r", "st\\*r", "st\\*?", "q\\?", "q[?]", "[q]\\?", "br[a]ck",
	"br\\[a]ck", "br[[]a]ck", "br[[]a[]]*", "[a-c]", "[!a-c]", "[^a-c]", "[a-]", "[-a]", "[]]", "[!]]", "[]-]", "[a", "[", "[]", "[a-c", "[[:alpha:]]", "[[:upper:]]*", "[![:alnum:]]", "[[:digit:][:punct:]]", "[[:nope:]]", "[[:alpha:]",
	"[[:alpha]", "[[:space:]]", "[[:blank:]]*", "[[:cntrl:]]", "[[:print:]]", "[[:graph:]]", "[[:xdigit:]]", "[[:lower:]]?", "[\\]]", "[\\a-c]", "[a\\-c]", "[a-\\c]", "[^]", "[a/b]", "c[/]a", "c?a", "c*a", "new*", "new\nline", "bad?", "bad\xff", "bad[\xfe-\xff]", "?bad",
	"\xc3\xbc", "??", "*.d", "*.d/", "x.d/x.d", "*.d/*.d", "/", "//", "/a//", "c//a", "./a", "../a", "a/.", "c/d/e/a", "/c/d/e/a", "/d/e/a", "e/a", "**e/a", "c/*/a", "c/*/*", "/*/*/*/*", "**/**", "**/**/a", "*a*", "*a*b*", "\\a", "\\*", "a\\", "*\\", "[\\", " ", "\t*", "\\!x", "!x",
	"c/d/**", "**/", "**/e/", "c/**/", "*/**", "***/a", "a***", "c/***/a", "[c]/***", "?/***", "*/***", "/***", "/*/***", "-", "+", "^", "]",
}

// TestPatternsLikeTheRealRsync copies a tree by each pattern with the real program, and asks the filter about
// each path.
func TestPatternsLikeTheRealRsync(t *testing.T) {
	base := t.TempDir()
	source := filepath.Join(base, "source")
	files := map[string]string{}
	for _, way := range patternTree {
		files[way] = ""
	}
	plant(t, source, files)
	for _, pattern := range patterns {
		tryPatterns(t, source, nil, []string{pattern})
		tryPatterns(t, source, []string{pattern, "*/"}, []string{"*"})
	}
	tryPatterns(t, source, []string{"c/", "/c/d/", "a"}, []string{"*.log", "c/*", "d/***", "/*"})
	tryPatterns(t, source, []string{"*/", "*.log"}, []string{"**"})
}

func tryPatterns(t *testing.T, source string, include, exclude []string) {
	t.Helper()
	rules, err := parseFilter(include, exclude)
	if err != nil {
		t.Fatal(err)
	}
	argv := []string{"-an", "--out-format=%n", "-8"}
	for _, one := range include {
		argv = append(argv, "--include="+one)
	}
	for _, one := range exclude {
		argv = append(argv, "--exclude="+one)
	}
	said, err := exec.Command("rsync", append(argv, source+"/", source+".none/")...).CombinedOutput()
	if err != nil {
		t.Fatalf("rsync %q: %v\n%s", argv, err, said)
	}
	listed := map[string]bool{}
	for line := range bytes.SplitSeq(bytes.TrimSuffix(said, []byte("\n")), []byte("\n")) {
		listed[strings.TrimSuffix(string(line), "/")] = true
	}
	delete(listed, ".")
	delete(listed, "")
	var visit func(way string)
	visit = func(way string) {
		entries, err := os.ReadDir(source + "/" + way)
		check(t, err)
		for _, entry := range entries {
			path := below(way, entry.Name())
			shown := strings.NewReplacer("\n", "\\#012", "\t", "\t").Replace(path)
			taken := !rules.excludes(path, entry.IsDir())
			if taken != listed[shown] {
				t.Errorf("include %q, exclude %q: %q is taken: %v, by the real rsync: %v", include, exclude, path, taken, listed[shown])
			}
			delete(listed, shown)
			if taken && entry.IsDir() {
				visit(path)
			}
		}
	}
	visit("")
	for path := range listed {
		t.Errorf("include %q, exclude %q: the real rsync alone takes %q", include, exclude, path)
	}
}

func TestPatternsRefused(t *testing.T) {
	for _, pattern := range []string{"", "!", "- a", "+ a", "a\x00b"} {
		if _, err := parseFilter([]string{pattern}, nil); code(err) != "rsync-pattern" {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, pattern := range patterns {
		f.Add(pattern, "c/d/e/f.log", false)
	}
	f.Fuzz(func(t *testing.T, pattern, way string, directory bool) {
		if len(pattern) > 64 || len(way) > 64 {
			return
		}
		one, err := parseRule(pattern)
		if err != nil {
			return
		}
		if !one.wild && !one.directories && strings.Trim(pattern, "/") == pattern && !strings.Contains(pattern, "/") && !one.matches("x/"+pattern, directory) {
			t.Errorf("%q does not match itself", pattern)
		}
		if one.matches(way, directory) && one.directories && !directory {
			t.Errorf("%q matches a file", pattern)
		}
	})
}
