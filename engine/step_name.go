package engine

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// StepName names one step of a run: for people by its String, for programs by its fields.
type StepName struct {
	// Name is what the recipe calls the step, with its expressions evaluated; "" where the step has no name.
	Name string `json:"name,omitempty"`
	// ID is the step's id; "" where it has none.
	ID string `json:"id,omitempty"`
	// Type is its keyword: "unpack", "parallel".
	Type string `json:"type,omitempty"`
	// Item is the item of the round in which the step was carried out, behind those of the for-each around it: "s2, b1".
	Item string `json:"item,omitempty"`
	// Within names the used recipes around the step, outermost first.
	Within []string `json:"within,omitempty"`
	// Path says where the step stands in the recipe: "steps[3].undo[0]".
	Path string `json:"path,omitempty"`
	// At is the position, file:line:column.
	At string `json:"at,omitempty"`
}

// String names the step in one line: step "Flash the board" for s2 (flash, run, boards.yaml:12:5).
func (s StepName) String() string {
	text, details := "step "+strconv.Quote(s.Name), []string{s.ID, s.Type, s.At}
	switch {
	case s.Name != "":
	case s.ID != "":
		text, details = "step "+s.ID, []string{s.Type, s.At}
	case s.Type != "":
		text, details = s.Type+" step", []string{s.At}
	default: // an error of a journal that names its steps by their paths only
		text = "step " + s.Path
	}
	if s.Item != "" && !hasWord(s.Name, s.Item) {
		text += " for " + s.Item
	}
	for i := len(s.Within) - 1; i >= 0; i-- {
		text += " in " + s.Within[i]
	}
	var known []string
	for _, detail := range details {
		if detail != "" {
			known = append(known, detail)
		}
	}
	if len(known) > 0 {
		text += " (" + strings.Join(known, ", ") + ")"
	}
	return text
}

// Title is the step's name for a list: its name with its id, or else its id, its type, or its path, and the item of its round.
func (s StepName) Title() string {
	title := s.Name
	for _, next := range []string{s.ID, s.Type, s.Path} {
		if title == "" {
			title = next
		}
	}
	if s.Name != "" && s.ID != "" {
		title += " (" + s.ID + ")"
	}
	if s.Item != "" && !hasWord(title, s.Item) {
		title += " for " + s.Item
	}
	return title
}

// hasWord reports whether a text has the word, not as a part of a longer one.
func hasWord(text, word string) bool {
	inWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	for from := 0; ; {
		at := strings.Index(text[from:], word)
		if at < 0 {
			return false
		}
		from += at
		before, _ := utf8.DecodeLastRuneInString(text[:from])
		after, _ := utf8.DecodeRuneInString(text[from+len(word):])
		first, _ := utf8.DecodeRuneInString(word)
		last, _ := utf8.DecodeLastRuneInString(word)
		if !(inWord(before) && inWord(first)) && !(inWord(after) && inWord(last)) {
			return true
		}
		from += len(word)
	}
}

// short is the step's name for a sentence that says already where the step stands.
func (s StepName) short() string {
	switch {
	case s.Name != "":
		return strconv.Quote(s.Name)
	case s.ID != "":
		return s.ID
	case s.Type != "":
		return "the " + s.Type + " step"
	}
	return s.Path
}

// named names the step in these rounds. A name that cannot be evaluated, or not yet, is shown as its source.
func (h *runState) named(n *node, r rounds) StepName {
	named := StepName{ID: n.id(), Type: n.keyword(), Item: h.itemsAround(n, r), Path: n.path(), At: n.position()}
	if n.title != nil {
		named.Name = n.title.source()
		if name, err := n.title.evaluate(h.namesAt(n, r)); err == nil {
			named.Name = value.Text(name)
		}
		named.Name = limited(strings.Join(strings.Fields(named.Name), " "), nameRunes)
	}
	for user := n.user(); user != nil; user = user.user() {
		named.Within = append([]string{h.named(user, r.in(user.own.loops)).short()}, named.Within...)
	}
	return named
}

// nameRunes bounds what a name takes of a line, and of the journal's space that is reserved for the undos.
const nameRunes = 120

// namesAt are what the expressions of the step read in these rounds: outside of its own for-each where they end there.
func (h *runState) namesAt(n *node, r rounds) map[string]any {
	if len(r) < n.own.loops {
		outside := *n
		outside.own = n.in
		n = &outside
	}
	return h.names(n, r, false)
}

// itemsAround names the items of the rounds, outermost first.
func (h *runState) itemsAround(n *node, r rounds) string {
	var items []string
	for at := n.own; at != nil; at = at.parent {
		if at.owner == nil || at.owner.items == nil || at.owner.own != at || len(r) < at.loops {
			continue
		}
		if s := h.scene(at, r); s.looped {
			items = append([]string{itemText(map[string]any{"item": s.item, "index": s.index})}, items...)
		}
	}
	return limited(strings.Join(items, ", "), nameRunes)
}

// named names the step without showing a secret.
func (x *runner) named(n *node, r rounds) StepName { return x.masked(x.state.named(n, r)) }

// shown is what a record of the step holds for lists.
func (x *runner) shown(n *node, r rounds) shownRecord {
	named := x.named(n, r)
	return shownRecord{Name: named.Name, Type: named.Type, Item: named.Item}
}

// recordOfStep is the record of a step that made no frame, or of a part of one.
func (x *runner) recordOfStep(n *node, r rounds, text string) stepRecord {
	return stepRecord{Step: n.path(), Rounds: r, ID: n.id(), shownRecord: x.shown(n, r), Text: text}
}

func (x *runner) masked(s StepName) StepName {
	s.Name, s.Item = x.mask.Text(s.Name), x.mask.Text(s.Item)
	within := make([]string, len(s.Within))
	for i := range within {
		within[i] = x.mask.Text(s.Within[i])
	}
	if s.Within = nil; len(within) > 0 {
		s.Within = within
	}
	return s
}

// begin opens a task of a step, in these rounds, below another.
func (x *runner) begin(parent *tasklog.Task, kind, title string, n *node, r rounds) *tasklog.Task {
	return x.beginCounted(parent, kind, title, n, r, 0, 0)
}

// beginStep opens the task of a step, with its place in its list.
func (x *runner) beginStep(parent *tasklog.Task, kind, title string, n *node, r rounds) *tasklog.Task {
	return x.beginCounted(parent, kind, title, n, r, n.number, n.siblings)
}

func (x *runner) beginCounted(parent *tasklog.Task, kind, title string, n *node, r rounds, number, of int) *tasklog.Task {
	named := x.state.named(n, r)
	return parent.BeginStep(kind, title, tasklog.Step{
		ID: named.ID, Path: named.Path, Action: named.Type, Item: named.Item, Number: number, Of: of,
		MayFail: n.step.AllowFailure && (kind == "round" || n.items == nil && kind == n.construct.kind()),
	})
}

// keyword is what the recipe says that the step does; a group's is called so.
func (n *node) keyword() string {
	switch {
	case as[*group](n) != nil:
		return "group"
	case n.step.Action == nil:
		return ""
	}
	return n.step.Action.Keyword().Text
}

// position is where the step stands: file:line:column.
func (n *node) position() string { return n.recipe.File + ":" + n.step.Position.String() }

func limited(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}

// outputsInvalid is a defect of a step type: its outputs are not what it declares.
func outputsInvalid(err error) error {
	return fault.New(fault.Errored, "outputs-invalid", "the step's outputs cannot be journaled").WithCause(err)
}

// named is the step's name as the journal has it.
func (r shownRecord) named(path, id string) StepName {
	return StepName{Name: r.Name, ID: id, Type: r.Type, Item: r.Item, Path: path}
}
