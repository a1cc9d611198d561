package tasklog

import (
	"strings"
	"testing"
)

// TestFold: no row is wider than the screen, rows below the first are indented, and nothing but blanks is
// lost.
func TestFold(t *testing.T) {
	for _, line := range []string{
		"@ ota:", "", "    * ", "  # [left] " + strings.Repeat("word ", 40),
		"      - | \t" + strings.Repeat("some words\tand a tab ", 8),
		"    * \x1b[33mwarning: " + strings.Repeat("\u66f4\u65b0\u5305\uff0c", 30) + "\x1b[0m",
		"    * /opt/" + strings.Repeat("0123456789", 30) + " after it \U0001F600\U0001F600",
		"        ~ " + strings.Repeat("e\u0301\u0323", 200), strings.Repeat("    ", 20) + "* deep down there are words",
		"    * [a label that is very long, as people write them: it has many words] " + strings.Repeat("text ", 30),
		"    * \x1b[31m" + strings.Repeat("red \x1b[1mbold ", 30) + "\x1b[0m",
	} {
		for columns := 4; columns < 130; columns++ {
			rows := fold(line, columns)
			for i, row := range rows {
				if wide := cells(row); wide > columns {
					t.Errorf("%d columns: row %d has %d: %q", columns, i, wide, row)
				}
				if i > 0 && columns >= 40 && !strings.HasPrefix(plainText(row), "  ") {
					t.Errorf("%d columns: row %d is not indented: %q", columns, i, row)
				}
			}
			if want, got := squeezed(line), squeezed(strings.Join(rows, "")); got != want {
				t.Errorf("%d columns: %q became %q", columns, want, got)
			}
		}
	}
}

func squeezed(text string) string {
	return strings.NewReplacer(" ", "", "\t", "").Replace(text)
}

// TestStatusFits: whatever the width, the line of a task is never wider, and says how long the task runs as
// long as there is room.
func TestStatusFits(t *testing.T) {
	at := &Event{Current: 5 << 20, Total: 10 << 20, Unit: "bytes"}
	for columns := 1; columns < 200; columns++ {
		for _, title := range []string{"  # x:", "    * Wait until the application answers:", "  # \u66f4\u65b0\u5305\u66f4\u65b0\u5305\u66f4\u65b0\u5305\u66f4\u65b0\u5305:"} {
			facts := []fact{{text: "12s of 5m"}, {text: "2m of 10m in all", rank: 4}, {text: "attempt 2 of 5", rank: 1}, {text: "step 3 of 7", rank: 2}}
			line := fit(title, facts, columns)
			if cells(line) > columns || columns > 30 && !strings.Contains(line, "12s of 5m") || columns > 50 && !strings.Contains(line, "attempt 2 of 5") {
				t.Errorf("%d columns: %q", columns, line)
			}
			moving := append([]fact{{text: " 50 %", progress: at}, {text: "5.0 of 10.0 MiB", rank: 4}}, facts...)
			if line := fit(title, moving, columns); cells(line) > columns {
				t.Errorf("%d columns: %q", columns, line)
			}
		}
	}
}
