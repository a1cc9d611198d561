package check_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/check"
	"github.com/gwe-project/gwe/steps/steptest"
)

const (
	abcSHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	abcMD5    = "900150983cd24fb0d6963f7d28e17f72"
	abcSHA1   = "a9993e364706816aba3e25717850c26c9cd0d89d"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// done calls Do as the engine would.
func done(t testing.TB, tried step.Type, given map[string]any) (map[string]any, *fault.Fault) {
	t.Helper()
	arguments, err := value.Convert(tried.Arguments(), given)
	must(t, err)
	outputs, err := tried.Do(t.Context(), &step.Run{Machine: step.Local{}}, arguments.(map[string]any), json.RawMessage("{}"))
	found := fault.As(err)
	if err != nil && found == nil {
		t.Fatalf("%v has no code", err)
	}
	if found != nil && found.Hint == "" && found.Code != "not-found" {
		t.Errorf("%s does not say what to do next", found.Code)
	}
	return outputs, found
}

func TestChecksumConforms(t *testing.T) {
	for name, more := range map[string]map[string]any{
		"compute":  {},
		"expected": {"expected": strings.ToUpper(abcMD5), "algorithm": "md5"},
		"sums":     {"sums": "SUMS"},
	} {
		t.Run(name, func(t *testing.T) {
			steptest.Run(t, steptest.Suite{
				Type: check.Checksum(),
				Arrange: func(t testing.TB, root string) map[string]any {
					must(t, os.WriteFile(root+"/abc", []byte("abc"), 0o600))
					must(t, os.WriteFile(root+"/SUMS", []byte(abcSHA256+"  abc\n"), 0o600))
					arguments := map[string]any{"path": root + "/abc"}
					for key, v := range more {
						arguments[key] = v
					}
					if _, there := more["sums"]; there {
						arguments["sums"] = root + "/SUMS"
					}
					return arguments
				},
			})
		})
	}
}

func TestChecksums(t *testing.T) {
	root := t.TempDir()
	must(t, os.WriteFile(root+"/abc", []byte("abc"), 0o600))
	must(t, os.WriteFile(root+"/a\\b\nc", []byte("abc"), 0o600))
	sums := func(text string) string {
		path := filepath.Join(t.TempDir(), "sums")
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	other := strings.Repeat("0", 64)
	for name, c := range map[string]struct {
		more map[string]any
		code string
	}{
		"none":                  {nil, ""},
		"right":                 {map[string]any{"expected": abcSHA256}, ""},
		"wrong":                 {map[string]any{"expected": other}, "checksum-mismatch"},
		"sha1":                  {map[string]any{"expected": abcSHA1, "algorithm": "sha1"}, ""},
		"another algorithm's":   {map[string]any{"expected": abcSHA1}, "checksum-invalid"},
		"no digest":             {map[string]any{"expected": "abc!"}, "checksum-invalid"},
		"both":                  {map[string]any{"expected": abcSHA256, "sums": sums("")}, "checksum-ambiguous"},
		"a name without a list": {map[string]any{"name": "abc"}, "checksum-ambiguous"},
		"listed":                {map[string]any{"sums": sums("# list\n" + other + "  other\n" + abcSHA256 + " *./abc\r\n")}, ""},
		"tagged":                {map[string]any{"sums": sums("SHA256 (abc) = " + abcSHA256 + "\nMD5 (abc) = " + abcMD5 + "\n")}, ""},
		"listed wrongly":        {map[string]any{"sums": sums(other + "  abc\n")}, "checksum-mismatch"},
		"listed by name":        {map[string]any{"sums": sums(abcSHA256 + "  images/x.bin\n"), "name": "images/x.bin"}, ""},
		"not listed":            {map[string]any{"sums": sums(abcSHA256 + "  abcd\n")}, "checksum-not-listed"},
		"listed twice":          {map[string]any{"sums": sums(abcSHA256 + "  abc\n" + abcSHA256 + "  ./abc\n")}, ""},
		"listed twice, unlike":  {map[string]any{"sums": sums(abcSHA256 + "  abc\n" + other + "  abc\n")}, "checksum-listed-twice"},
		"a list of another":     {map[string]any{"sums": sums(abcMD5 + "  abc\n")}, "checksum-invalid"},
		"no list":               {map[string]any{"sums": root + "/nothing"}, "not-found"},
		"no file":               {map[string]any{"path": root + "/nothing"}, "checksum-missing"},
		"a directory":           {map[string]any{"path": root}, "checksum-not-a-file"},
	} {
		arguments := map[string]any{"path": root + "/abc"}
		for key, v := range c.more {
			arguments[key] = v
		}
		outputs, found := done(t, check.Checksum(), arguments)
		code := ""
		if found != nil {
			code = found.Code
		} else if len(outputs["digest"].(string)) < 32 || outputs["size"] != value.SizeOf(3) {
			t.Errorf("%s: %v", name, outputs)
		}
		if code != c.code {
			t.Errorf("%s: %v, want %q", name, found, c.code)
		}
	}
}

// TestChecksumReadsCoreutils: what the real programs write is understood, odd names and all.
func TestChecksumReadsCoreutils(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"plain", "a\\b\nc", " blank", "(x) = y"} {
		must(t, os.WriteFile(filepath.Join(root, name), []byte(name), 0o600))
		for _, algorithm := range []string{"sha256", "sha512", "sha1", "md5"} {
			for _, option := range []string{"--text", "--binary", "--tag"} {
				command := exec.Command(algorithm+"sum", option, "--", name)
				command.Dir = root
				list, err := command.Output()
				must(t, err)
				sums := filepath.Join(t.TempDir(), "sums")
				must(t, os.WriteFile(sums, list, 0o600))
				arguments := map[string]any{"path": filepath.Join(root, name), "sums": sums, "algorithm": algorithm}
				if _, found := done(t, check.Checksum(), arguments); found != nil {
					t.Errorf("%q, %s %s: %v", name, algorithm, option, found)
				}
			}
		}
	}
}

func TestDiskSpaceConforms(t *testing.T) {
	size, err := value.ParseSize("1KiB")
	must(t, err)
	for name, more := range map[string]map[string]any{"tell": {}, "ask": {"at-least": size}} {
		t.Run(name, func(t *testing.T) {
			steptest.Run(t, steptest.Suite{
				Type: check.DiskSpace(),
				Arrange: func(t testing.TB, root string) map[string]any {
					arguments := map[string]any{"path": root + "/not/there/yet"}
					for key, v := range more {
						arguments[key] = v
					}
					return arguments
				},
			})
		})
	}
}

// little is a machine with little space.
type little struct{ step.Local }

func (little) Space(path string) (int64, error) {
	if path != "/" {
		return 0, os.ErrNotExist
	}
	return 3 << 20, nil
}

func TestDiskSpaceShort(t *testing.T) {
	size, err := value.ParseSize("4MiB")
	must(t, err)
	for wanted, code := range map[any]string{nil: "", value.SizeOf(3 << 20): "", size: "disk-space-short"} {
		arguments := map[string]any{"path": "/data/x"}
		if wanted != nil {
			arguments["at-least"] = wanted
		}
		outputs, err := check.DiskSpace().Do(t.Context(), &step.Run{Machine: little{}}, arguments, json.RawMessage("{}"))
		found := fault.As(err)
		switch {
		case code == "" && (err != nil || outputs["free"] != value.SizeOf(3<<20)):
			t.Errorf("%v: %v, %v", wanted, outputs, err)
		case code != "" && (found == nil || found.Code != code || found.Class != fault.Refused || !strings.Contains(found.Message, "has 3MiB free, and 4MiB is wanted")):
			t.Errorf("%v: %v", wanted, err)
		}
		plan, err := check.DiskSpace().Plan(t.Context(), little{}, arguments)
		if err != nil || strings.HasPrefix(plan.Do[0], "refuse") != (code != "") {
			t.Errorf("%v: %v, %v", wanted, plan, err)
		}
	}
}

// boundless is a machine whose file systems report no size.
type boundless struct{ step.Local }

func (boundless) Space(string) (int64, error) { return step.SpaceUnknown, nil }

func TestDiskSpaceUnknown(t *testing.T) {
	size, err := value.ParseSize("400GiB")
	must(t, err)
	arguments := map[string]any{"path": "/data/x", "at-least": size}
	plan, err := check.DiskSpace().Plan(t.Context(), boundless{}, arguments)
	if err != nil || len(plan.Do) != 1 || plan.Do[0] != "continue: the file system of /data/x does not report how much is free" {
		t.Errorf("%v, %v", plan, err)
	}
	outputs, err := check.DiskSpace().Do(t.Context(), &step.Run{Machine: boundless{}}, arguments, json.RawMessage("{}"))
	if err != nil || outputs["free"] != value.SizeOf(1<<62) {
		t.Errorf("%v, %v", outputs, err)
	}
}
