package program

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/gwe-project/gwe/engine/value"
)

// TellsApart reports whether a condition tells the new system from the one that the run started in: it did
// not hold there. The run's names are those of its start.
func (c *Condition) TellsApart(start map[string]any) bool {
	if c == nil {
		return false
	}
	held, err := c.Evaluate(start)
	return err == nil && held == false
}

// Changed says what of the host and the facts that the condition reads is not as at the start; "" where all
// is.
func (c *Condition) Changed(start, now map[string]any) string {
	var differs []string
	for _, read := range c.References() {
		if read.Path[0] != "facts" && read.Path[0] != "host" {
			continue
		}
		was, is := at(start, read.Path), at(now, read.Path)
		if !reflect.DeepEqual(was, is) {
			differs = append(differs, fmt.Sprintf("%s is %s, and was %s", strings.Join(read.Path, "."), value.Text(is), value.Text(was)))
		}
	}
	if len(differs) == 0 {
		return ""
	}
	return ": " + strings.Join(differs, "; ")
}

// at follows a path into names; nil where it leads nowhere.
func at(names map[string]any, path []string) any {
	var found any = names
	for _, name := range path {
		object, ok := found.(map[string]any)
		if !ok {
			return nil
		}
		found = object[name]
	}
	return found
}

// OneLine is an expression that may have several lines, in one.
func OneLine(source string) string {
	lines := strings.Split(strings.TrimSpace(source), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Join(lines, " ")
}
