package expression

import (
	"maps"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/value"
)

// Scope is the set of names that an expression may use, with their types. It is immutable: every method gives
// another scope. Whether a member may be absent is said by its field's Optional and PresentWhen.
type Scope struct {
	names   map[string]value.Type
	present map[string]bool
	secrets bool
	reason  func(path []string) string
	// told reports which names are declared, with mistakes that were said; nil where none are.
	told func(path []string) bool
}

// NewScope gives a scope without names.
func NewScope() Scope { return Scope{} }

// With adds a name, or gives it another type.
func (s Scope) With(name string, t value.Type) Scope {
	names := make(map[string]value.Type, len(s.names)+1)
	maps.Copy(names, s.names)
	names[name] = t
	s.names = names
	return s
}

// Given gives the scope of what runs only where the guard is true: what it has proved to be there is no
// longer optional. A nil guard proves nothing.
func (s Scope) Given(guard *Expression) Scope {
	if guard == nil {
		return s
	}
	s.present = withPresent(s.present, guard.proved)
	return s
}

// AllowSecrets gives the scope of a place where secrets may be opened: env, headers, stdin, file contents.
// What comes out of an expression there is plain text, and Secret says whether it must be masked.
func (s Scope) AllowSecrets() Scope {
	s.secrets = true
	return s
}

// Explaining gives the scope that says of names which it does not have why not: reason gives "" where it
// knows nothing.
func (s Scope) Explaining(reason func(path []string) string) Scope {
	s.reason = reason
	return s
}

// Sparing gives the scope that says nothing of names which it does not have where told reports that they are
// declared, and what is wrong with them was said.
func (s Scope) Sparing(told func(path []string) bool) Scope {
	s.told = told
	return s
}

func (s Scope) has(name string) bool {
	_, there := s.names[name]
	return there
}

// Names lists the names in order.
func (s Scope) Names() []string { return slices.Sorted(maps.Keys(s.names)) }

func withPresent(present map[string]bool, more []string) map[string]bool {
	if len(more) == 0 {
		return present
	}
	joined := make(map[string]bool, len(present)+len(more))
	maps.Copy(joined, present)
	for _, path := range more {
		joined[path] = true
	}
	return joined
}

// pathSeparator cannot stand in a name.
const pathSeparator = "\x1f"

func pathKey(path []string) string { return strings.Join(path, pathSeparator) }

// pathProof lists what is present when the path is: itself and all that it lies in.
func pathProof(path []string) []string {
	proved := make([]string, 0, len(path))
	for i := range path {
		proved = append(proved, pathKey(path[:i+1]))
	}
	return proved
}
