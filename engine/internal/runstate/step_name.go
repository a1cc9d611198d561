package runstate

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// StepName names one step of a run: for people by its String, for programs by its fields.
type StepName struct {
	// Name is what the recipe calls the step, with its expressions evaluated; "" where the step has no name.
	Name string `json:"name,omitempty"`
	// ID is the step's id; "" where it has none.
	ID string `json:"id,omitempty"`
	// Type is its keyword: "unpack", "parallel".
	Type string `json:"type,omitempty"`
	// Item is the item of the round in which the step was carried out, after those of the for-each around
	// it: "s2, b1".
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

// Title is the step's name for a list: its name with its id, or else its id, its type, or its path, and the
// item of its round.
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

// ShortName is the step's name for a sentence that says already where the step stands.
func ShortName(s StepName) string {
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

// named is the step's name as the journal has it.
func (r ShownRecord) named(path, id string) StepName {
	return StepName{Name: r.Name, ID: id, Type: r.Type, Item: r.Item, Path: path}
}

// NameRunes bounds what a name takes of a line, and of the journal's space that is reserved for the undos.
const NameRunes = 120

// Limited cuts a text behind so many characters.
func Limited(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}
