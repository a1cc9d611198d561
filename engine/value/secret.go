package value

import (
	"encoding/json"
	"fmt"
	"io"
)

// Redacted is what a secret shows as.
const Redacted = "***"

// Secret is text that nobody may read by accident: fmt, log/slog, JSON and text marshalling all show
// Redacted. log/slog marshals it, or formats it: a LogValue would take the whole package into every program.
// The text lies behind a pointer, so that a struct with a Secret in an unexported field does not print it
// either.
type Secret struct {
	text *string
	// computed is told of what is made of it; it may be nil. Pointers to structs and functions fmt would
	// print.
	computed *func(text string)
}

// NewSecret wraps a text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Watched is the secret with a function that is told each text that an expression computes from it, so that
// it can be masked too. The function may be called from several goroutines.
func (s Secret) Watched(computed func(text string)) Secret {
	return Secret{text: s.text, computed: &computed}
}

// Computed returns the function that Watched was given; nil is none.
func (s Secret) Computed() func(text string) {
	if s.computed == nil {
		return nil
	}
	return *s.computed
}

// Reveal gives the text. Call it where the secret is used, never where it is shown.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero tells the absence of a secret.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal compares the texts, for tests and go-cmp.
func (s Secret) Equal(other Secret) bool {
	return s.IsZero() == other.IsZero() && s.Reveal() == other.Reveal()
}

// String redacts.
func (s Secret) String() string { return Redacted }

// GoString redacts.
func (s Secret) GoString() string { return Redacted }

// Format redacts, whatever the verb.
func (s Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, Redacted) }

// MarshalJSON redacts.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(Redacted) }

// MarshalText redacts.
func (s Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// Opened is the type with every secret a string: what a file that only the owner reads, or a pipe, may hold
// in the clear.
func Opened(t Type) Type {
	if t.Kind == KindSecret {
		return Of(KindString)
	}
	if t.Elem != nil {
		element := Opened(*t.Elem)
		t.Elem = &element
	}
	if t.Fields != nil {
		fields := make([]Field, len(t.Fields))
		for i, field := range t.Fields {
			field.Type = Opened(field.Type)
			fields[i] = field
		}
		t.Fields = fields
	}
	return t
}

// Revealed is a canonical value with every secret in the clear. It is of the type Opened.
func Revealed(v any) any {
	switch v := v.(type) {
	case Secret:
		return v.Reveal()
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = Revealed(item)
		}
		return items
	case map[string]any:
		members := make(map[string]any, len(v))
		for name, member := range v {
			members[name] = Revealed(member)
		}
		return members
	}
	return v
}
