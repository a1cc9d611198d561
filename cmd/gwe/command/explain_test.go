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
		if !strings.Contains(exitCodes, said) {
			t.Errorf("gwe explain exit does not say %q", said)
		}
	}
}
