package plugin_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/plugin"
)

// script installs a plugin of two lines of shell, with a description.
func script(t *testing.T, directory, name string) string {
	t.Helper()
	path := filepath.Join(directory, plugin.Prefix+name)
	answer := strings.ReplaceAll(strings.Replace(plainDescription, `"type":"plain"`, `"type":"`+name+`"`, 1), `"effects":[],`, "")
	text := "#!/bin/sh\nread request\ncase $request in *'\"describe\"'*) echo '{\"event\":\"result\",\"protocol\":1,\"type\":\"" + name +
		"\",\"operation\":\"describe\",\"description\":" + answer + "}';; *) echo '{\"event\":\"result\",\"protocol\":1,\"type\":\"" + name +
		"\",\"operation\":\"do\"}';; esac\n"
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFind(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	for _, path := range []string{script(t, first, "one"), script(t, second, "one"), script(t, second, "two")} {
		describe(t, path)
	}
	undescribed := script(t, first, "three")
	for _, name := range []string{"gwe-step-", "gwe-step-Big", "gwe-step-a.b", "other", "gwe-step-four.json.old"} {
		if err := os.WriteFile(filepath.Join(first, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(first, "gwe-step-folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	found, problems := plugin.Find([]string{first, second, filepath.Join(first, "none")}, false)
	var paths []string
	for _, one := range found {
		paths = append(paths, one.Path())
	}
	if want := []string{first + "/gwe-step-one", second + "/gwe-step-two"}; strings.Join(paths, " ") != strings.Join(want, " ") {
		t.Errorf("found %v", paths)
	}
	if len(problems) != 1 || problems[0].Path != undescribed || fault.As(problems[0].Err).Code != "plugin-undescribed" ||
		fault.As(problems[0].Err).Hint != "run `gwe steps describe "+undescribed+"`" {
		t.Errorf("problems: %+v", problems)
	}
}

// What was described is what runs: another executable, or another description, is refused with the cure.
func TestStale(t *testing.T) {
	directory := t.TempDir()
	path := script(t, directory, "one")
	opened := describe(t, path)
	code := func(err error) string {
		if f := fault.As(err); f != nil {
			return f.Code
		}
		return ""
	}
	run := running(t, &recorded{})
	if _, err := opened.Do(t.Context(), run, nil, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("# newer\n"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := opened.Do(t.Context(), run, nil, []byte(`{}`)); code(err) != "plugin-changed" || fault.ClassOf(err) != fault.Refused {
		t.Errorf("do of another executable: %v", err)
	}
	if _, err := plugin.Open(path, false); code(err) != "plugin-changed" || !strings.Contains(fault.As(err).Hint, "gwe steps describe "+path) {
		t.Errorf("open: %v", err)
	}
	if err := os.WriteFile(path+".json", []byte(`{"protocol":1,"type":"one"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := plugin.Open(path, false); code(err) != "plugin-description-invalid" || !strings.Contains(fault.As(err).Hint, "gwe steps describe "+path) {
		t.Errorf("open: %v", err)
	}
}

// Root runs nothing that somebody else could have put there.
func TestUnsafe(t *testing.T) {
	need.Root(t, "it gives files to another user")
	base := t.TempDir()
	directory := filepath.Join(base, "steps")
	if err := os.Mkdir(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	path := script(t, directory, "one")
	link := filepath.Join(base, "link")
	if err := os.Symlink("steps/../steps", link); err != nil {
		t.Fatal(err)
	}
	opened := describe(t, path)
	through := plugin.New(opened.Description(), filepath.Join(link, "gwe-step-one"), false)
	chmod := func(path string, mode os.FileMode) func() error {
		return func() error { return os.Chmod(path, mode) }
	}
	chown := func(path string, user int) func() error { return func() error { return os.Chown(path, user, -1) } }
	regroup := func(path string, group int, mode os.FileMode) func() error {
		return func() error { return errors.Join(os.Chown(path, -1, group), os.Chmod(path, mode)) }
	}
	for name, test := range map[string]struct{ spoil, restore func() error }{
		"file for all":         {chmod(path, 0o757), chmod(path, 0o755)},
		"file for its group":   {regroup(path, 1, 0o775), regroup(path, 0, 0o755)},
		"safe: root's group":   {chmod(path, 0o775), chmod(path, 0o755)},
		"file of another":      {chown(path, 1), chown(path, 0)},
		"directory for all":    {chmod(directory, 0o777), chmod(directory, 0o755)},
		"directory of another": {chown(directory, 1), chown(directory, 0)},
		"parent for a group":   {regroup(base, 1, 0o775), regroup(base, 0, 0o755)},
		"nothing wrong":        {func() error { return nil }, func() error { return nil }},
		"sticky, as /tmp is":   {chmod(base, 0o777|os.ModeSticky), chmod(base, 0o755)},
		"writable by itself":   {chmod(path, 0o700), chmod(path, 0o755)},
		"link is no own rule":  {func() error { return os.Lchown(link, 0, 0) }, func() error { return nil }},
	} {
		if err := test.spoil(); err != nil {
			t.Fatal(err)
		}
		safe := strings.HasPrefix(name, "nothing") || strings.HasPrefix(name, "safe") || strings.HasPrefix(name, "sticky") || strings.HasPrefix(name, "writable") || strings.HasPrefix(name, "link")
		for _, one := range []*plugin.Type{opened, through} {
			_, err := one.Do(t.Context(), running(t, &recorded{}), nil, []byte(`{}`))
			if f := fault.As(err); safe && err != nil || !safe && (f == nil || f.Code != "plugin-unsafe" || f.Hint == "") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := test.restore(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := plugin.Ask(t.Context(), path); fault.As(err) == nil || fault.As(err).Code != "plugin-unsafe" {
		t.Errorf("describe: %v", err)
	}
}
