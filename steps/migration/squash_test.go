package migration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// squashed reads "0001_a 0002_b 0001_s=0001_a,0002_b".
func squashed(text string) release {
	found := release{squashes: map[string][]string{}}
	for word := range strings.FieldsSeq(text) {
		name, others, stands := strings.Cut(word, "=")
		if found.names = append(found.names, name); stands {
			found.squashes[name] = strings.Split(others, ",")
		}
	}
	return found
}

func TestSquashed(t *testing.T) {
	const both = "0001_a 0001_s=0001_a,0002_b 0002_b 0003_c"
	for name, c := range map[string]struct {
		running, new string
		want         string // FROM TO, "" for nothing to do, or the code of what is refused
	}{
		"squashed":                     {running: "0001_a 0002_b", new: both},
		"the old ones left out":        {running: both, new: "0001_s=0001_a,0002_b 0003_c"},
		"at once":                      {running: "0001_a 0002_b", new: "0001_s=0001_a,0002_b 0003_c"},
		"replaces left out":            {running: both, new: "0001_s 0003_c"},
		"replaces left out, back":      {running: "0001_s 0003_c", new: both},
		"back to before":               {running: both, new: "0001_a 0002_b", want: "0003_c 0001_s"},
		"back, the old ones left out":  {running: "0001_s=0001_a,0002_b 0003_c", new: "0001_a 0002_b", want: "0003_c 0001_s"},
		"back over two":                {running: "0001_s 0003_c", new: "0001_a 0002_b", want: "migration-renamed"},
		"back into the middle":         {running: both, new: "0001_a", want: "migration-squashed"},
		"the newest is squashed":       {running: "0001_a 0002_s=0002_b,0003_c", new: "0001_a", want: "0002_s 0001_a"},
		"squashed twice":               {running: "0001_a 0001_s=0001_a,0002_b 0001_t=0001_s,0003_c 0002_b 0003_c 0004_d", new: "0001_a 0002_b 0003_c", want: "0004_d 0001_t"},
		"one that stands for itself":   {running: "0001_a=0001_a 0002_b", new: "0001_a", want: "0002_b 0001_a"},
		"from where it cannot go back": {running: "0001_a", new: both, want: "migration-squashed"},
		"inserted":                     {running: "0001_a 0003_c", new: "0001_a 0002_b 0003_c", want: "migration-inserted"},
		"branched":                     {running: "0001_a 0002_b", new: "0001_a 0002_b 0002_c 0003_merge", want: "migration-forked"},
	} {
		running, new := squashed(c.running), squashed(c.new)
		found, err := compare(running, new, "")
		if err == nil {
			err = returns(running, new)
		}
		got := strings.Trim(found.From+" "+found.To, " ")
		if err != nil {
			refused := fault.As(err)
			if got = refused.Code; refused.Class != fault.Refused || refused.Hint == "" {
				t.Errorf("%s: %#v", name, refused)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestReplaced(t *testing.T) {
	directory := t.TempDir()
	for text, want := range map[string]string{
		"class Migration(x):\n    replaces = [('a', '0001_x'), (\"a\", \"0002_y\")]\n":                          "[0001_x 0002_y]",
		"class Migration(x):\n\treplaces=[\n\t\t(\n'a',\n\"0001_x\",\n),\n\t]\n    dependencies = [('a', '0')]": "[0001_x]",
		"class Migration(x):\n    dependencies = [('a', '0001_x')]\n":                                           "[]",
		"# replaces = [('a', '0001_x')]\n":                                                                      "[]",
		"    replaces = []":                                                                                     "[]",
	} {
		if err := os.WriteFile(filepath.Join(directory, "0001_s.py"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		names, err := replaced(step.Local{}, directory, "0001_s.py")
		if got := fmt.Sprint(names); got != want || err != nil {
			t.Errorf("%q: %s, want %s, %v", text, got, want, err)
		}
	}
	if names, err := replaced(step.Local{}, directory, "0001_s.sql"); names != nil || err != nil {
		t.Errorf("a file of another tool was read: %v, %v", names, err)
	}
}
