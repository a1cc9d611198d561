package command

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestExitCodesAreDocumented: gwe explain exit says what docs/exit-codes.md says.
func TestExitCodesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/exit-codes.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (\d\S*) \| (.*) \|$`).FindAllStringSubmatch(string(page), -1)
	if len(rows) < 9 {
		t.Fatalf("only %d rows", len(rows))
	}
	for _, row := range rows {
		said := row[1] + strings.Repeat(" ", 7-len(row[1])) + strings.ReplaceAll(row[2], "`", "") + "\n"
		if !strings.Contains(exitCodes(), said) {
			t.Errorf("gwe explain exit does not say %q", said)
		}
		var out strings.Builder
		if err := explain(&out, row[1]); err != nil || !strings.Contains(out.String(), "next: ") {
			t.Errorf("gwe explain %s says %q, %v", row[1], out.String(), err)
		}
	}
}

// TestExitOfSignals: an exit code above 128 is explained by its signal; what gwe never ends with is not.
func TestExitOfSignals(t *testing.T) {
	for name, want := range map[string]string{"130": "exit code 130: SIGINT", "137": "exit code 137: SIGKILL", "143": "exit code 143: SIGTERM"} {
		var out strings.Builder
		if err := explain(&out, name); err != nil || !strings.HasPrefix(out.String(), want+"\n") {
			t.Errorf("%s: %q, %v", name, out.String(), err)
		}
	}
	for _, name := range []string{"8", "128", "200", "-1"} {
		if err := explain(&strings.Builder{}, name); err == nil {
			t.Errorf("%s is explained", name)
		}
	}
}
