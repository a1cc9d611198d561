package steptest_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/steptest"
)

func TestMain(m *testing.M) { steptest.Main(m, typeElsewhere()) }

// typeElsewhere gives, in the other process of an undo, the type with the flaw that the environment names.
func typeElsewhere() step.Type { return trialType(os.Getenv("GWE_TRIAL_FLAW")) }

func suiteOf(tried step.Type) steptest.Suite {
	return steptest.Suite{Type: tried, Forget: []string{"package"}, Arrange: arrangeTrial}
}

func arrangeTrial(t testing.TB, root string) map[string]any {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(root, "dir")
	must(os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
	must(os.WriteFile(filepath.Join(root, "package"), []byte("content"), 0o644))
	must(os.WriteFile(filepath.Join(root, "bystander"), nil, 0o644))
	file := filepath.Join(dir, "file")
	must(os.WriteFile(file, []byte("old"), 0o640))
	must(os.Link(file, filepath.Join(dir, "sub", "same")))
	must(unix.Setxattr(file, "user.note", []byte("kept"), 0))
	must(os.Chtimes(file, time.Time{}, time.Unix(1234567890, 123456789)))
	return map[string]any{"dir": dir, "from": filepath.Join(root, "package")}
}

func TestSoundTypePasses(t *testing.T) { steptest.Run(t, suiteOf(trialType(""))) }

// TestBrokenTypes: each flaw is caught by the check whose promise it breaks.
func TestBrokenTypes(t *testing.T) {
	for flaw, caught := range map[string]string{
		"about-name":          "about",
		"about-summary":       "about",
		"about-doc":           "about",
		"about-example":       "about",
		"about-effect":        "about",
		"about-scalar":        "about",
		"about-help":          "about",
		"plan-writes":         "plan has no effect",
		"plan-runs":           "plan has no effect",
		"plan-nothing":        "plan has no effect",
		"plan-silent":         "plan has no effect",
		"plan-lines":          "plan has no effect",
		"plan-outputs":        "plan has no effect",
		"prepare-writes":      "prepare changes nothing",
		"do-nothing":          "do has declared effects only",
		"do-strays":           "do has declared effects only",
		"do-absent-output":    "do has declared effects only",
		"lease-relative":      "do has declared effects only",
		"verify-wrong":        "do has declared effects only",
		"do-umask":            "modes whatever the umask",
		"do-deaf":             "do stopped at any moment",
		"do-misnames":         "do stopped at any moment",
		"do-leaves-process":   "do stopped at any moment",
		"undo-leaves-staging": "do stopped at any moment",
		"undo-nothing":        "undo after do",
		"undo-mode":           "undo after do",
		"undo-owner":          "undo after do",
		"undo-time":           "undo after do",
		"undo-attribute":      "undo after do",
		"undo-copies":         "undo after do",
		"undo-stranger-time":  "undo after do",
		"no-undo-acts":        "undo after do",
		"undo-wants-do":       "undo after no do",
		"undo-twice":          "undo twice",
		"undo-forgets-half":   "undo stopped at any moment",
		"undo-wants-package":  "undo in another process",
		"memory":              "undo in another process",
		"undo-later":          "undo after the commit keeps what came later",
		"undo-keeps-nowhere":  "undo after the commit keeps what came later",
		"release-later":       "undo after the commit keeps what came later",
		"release-nothing":     "release",
		"release-once":        "release",
		"release-too-much":    "release",
		"release-half":        "release stopped at any moment",
	} {
		t.Run(flaw, func(t *testing.T) {
			t.Setenv("GWE_TRIAL_FLAW", flaw)
			if findings := steptest.Findings(t, caught, suiteOf(trialType(flaw))); len(findings) == 0 {
				t.Errorf("the check %q does not catch it", caught)
			} else {
				t.Log(findings[0])
			}
		})
	}
}

// TestUntimed: a type whose undo cannot bring back the time of a file passes with an exemption, which names
// that file and the reason, and with no other.
func TestUntimed(t *testing.T) {
	t.Setenv("GWE_TRIAL_FLAW", "undo-time")
	const check = "undo after do"
	exempt := suiteOf(trialType("undo-time"))
	reason := "the kernel sets it, as in sysfs"
	exempt.Untimed = map[string]string{"dir/file": reason, "dir/sub/same": reason}
	for _, check := range []string{check, "undo twice", "undo in another process", "about"} {
		if findings := steptest.Findings(t, check, exempt); len(findings) > 0 {
			t.Errorf("%s: %v", check, findings)
		}
	}
	other := exempt
	other.Untimed = map[string]string{"dir/sub": reason}
	if findings := steptest.Findings(t, check, other); len(findings) == 0 {
		t.Error("the exemption of another file lets it pass")
	}
	other.Untimed = map[string]string{"dir/file": " ", "dir/sub/same": reason}
	if findings := steptest.Findings(t, "about", other); len(findings) == 0 {
		t.Error("an exemption without a reason passes")
	}
	mode := suiteOf(trialType("undo-mode"))
	mode.Untimed = exempt.Untimed
	t.Setenv("GWE_TRIAL_FLAW", "undo-mode")
	if findings := steptest.Findings(t, check, mode); len(findings) == 0 {
		t.Error("an exemption from times lets another mode pass")
	}
}

func TestWrongSuites(t *testing.T) {
	idle := suiteOf(trialType(""))
	idle.Idle = true
	forgetful := suiteOf(trialType(""))
	forgetful.Forget = []string{"elsewhere"}
	unknown := suiteOf(trialType("about-name"))
	for name, tried := range map[string]struct {
		suite steptest.Suite
		check string
	}{
		"idle but acts":            {idle, "do has declared effects only"},
		"forgets what is not":      {forgetful, "undo in another process"},
		"type that Main has not":   {unknown, "undo in another process"},
		"idle but plan says other": {idle, "plan has no effect"},
	} {
		t.Run(name, func(t *testing.T) {
			if findings := steptest.Findings(t, tried.check, tried.suite); len(findings) == 0 {
				t.Errorf("the check %q does not catch it", tried.check)
			}
		})
	}
}
