package migration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

func TestCompare(t *testing.T) {
	for name, c := range map[string]struct {
		running, new, zero string
		want               string // FROM TO UNDONE, "" for nothing to do, or the code of what is refused
	}{
		"the same":                {running: "0001_a 0002_b", new: "0001_a 0002_b"},
		"newer":                   {running: "0001_a", new: "0001_a 0002_b"},
		"no migrations yet":       {new: "0001_a"},
		"none in either":          {},
		"one back":                {running: "0001_a 0002_b", new: "0001_a", want: "0002_b 0001_a 0002_b"},
		"three back":              {running: "0001_a 0002_b 0003_c 0004_d", new: "0001_a", want: "0004_d 0001_a 0004_d 0003_c 0002_b"},
		"apart":                   {running: "0001_a 0002_b 0003_c", new: "0001_a 0002_b 0004_d", want: "0003_c 0002_b 0003_c"},
		"one left out":            {running: "0001_a 0002_b 0003_c", new: "0001_a 0003_c", want: "0003_c 0001_a 0003_c 0002_b"},
		"one slipped in":          {running: "0001_a 0003_c", new: "0001_a 0002_b 0003_c"},
		"one slipped in and back": {running: "0001_a 0003_c 0004_d", new: "0001_a 0002_b 0003_c", want: "0004_d 0001_a 0004_d 0003_c"},
		"numbers of any length":   {running: "1_a 2_b 10_c", new: "1_a 2_b", want: "10_c 2_b 10_c"},
		"leading zeros":           {running: "1_a 02_b 003_c", new: "1_a", want: "003_c 1_a 003_c 02_b"},
		"no numbers":              {running: "a b c", new: "a b", want: "c b c"},
		"a fork that both have":   {running: "0001_a 0002_b 0002_c 0003_d", new: "0001_a 0002_b 0002_c", want: "0003_d 0002_c 0003_d"},
		"a fork that goes":        {running: "0001_a 0002_b 0002_c", new: "0001_a", want: "0002_c 0001_a 0002_c 0002_b"},
		"half a fork":             {running: "0001_a 0002_b 0002_c", new: "0001_a 0002_b", want: "migration-forked"},
		"renamed":                 {running: "0001_a 0002_b", new: "0001_a 0002_x 0003_y", want: "migration-renamed"},
		"renamed by its zeros":    {running: "1_a 2_b", new: "1_a 02_b", want: "migration-renamed"},
		"the first renamed":       {running: "0001_a", new: "0001_x", want: "migration-renamed"},
		"no common":               {running: "0001_a 0002_b", new: "0005_x", want: "migration-none-common"},
		"none in the new one":     {running: "0001_a", want: "migration-none-common"},
		"down to zero":            {running: "0001_a 0002_b", zero: "zero", want: "0002_b zero 0002_b 0001_a"},
		"zero is for none only":   {running: "0001_a", new: "0005_x", zero: "zero", want: "migration-none-common"},
	} {
		found, err := compare(release{names: strings.Fields(c.running)}, release{names: strings.Fields(c.new)}, c.zero)
		got := strings.Trim(fmt.Sprintf("%s %s %s", found.From, found.To, strings.Join(found.Undone, " ")), " ")
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

func TestOlder(t *testing.T) {
	sorted := []string{"0_x", "1_a", "0001_b", "2_a", "2_b", "10_a", "0100_a", "__init__", "a", "b2"}
	shuffled := slices.Clone(sorted)
	slices.Reverse(shuffled)
	slices.SortFunc(shuffled, older)
	want := "0_x 0001_b 1_a 2_a 2_b 10_a 0100_a __init__ a b2"
	if got := strings.Join(shuffled, " "); got != want {
		t.Errorf("sorted to %s, want %s", got, want)
	}
}

func TestMigrationsThatCannotBeListed(t *testing.T) {
	if _, _, err := migrations(step.Local{}, "/proc/self/mem", "*"); err == nil {
		t.Error("a file was listed")
	}
}
