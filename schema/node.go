package schema

// Node is a value as it is written in a recipe: a Scalar, a List or a Map. Aliases are replaced by what they
// stand for.
type Node interface {
	// Where is the place of the value's first line.
	Where() Span
	node()
}

// Style is how a scalar is written.
type Style string

const (
	Plain        Style = "plain"
	SingleQuoted Style = "single-quoted"
	DoubleQuoted Style = "double-quoted"
	Literal      Style = "literal" // a block that starts with |
	Folded       Style = "folded"  // a block that starts with >
)

// Kind is what YAML's core schema makes of a scalar.
type Kind string

const (
	Text   Kind = "text"
	Int    Kind = "int"
	Float  Kind = "float"
	Bool   Kind = "bool"
	Absent Kind = "null"
)

// Scalar is one value of the recipe that is neither a list nor a mapping.
type Scalar struct {
	// Text is the value without quotes, escapes, indentation and folded line ends.
	Text string
	// Kind is what YAML takes it for: 5 is an Int, "5" is Text.
	Kind  Kind
	Style Style
	Span
	// Dynamic scalars hold at least one ${{ }} expression, or are an expression as a whole where the grammar
	// says so (when, until, retry.when): their value is known at run time only.
	Dynamic bool

	source *source
	// begin is the byte offset in the source of the first byte of the scalar itself, after its anchor and
	// tag.
	begin int
}

// List is a sequence of values.
type List struct {
	Items []Node
	Span
}

// Map is a mapping in the order of the file. Keys are unique.
type Map struct {
	Entries []Entry
	Span
	// partial is true where keys were reported and left out, so that what seems to be missing may be among
	// them.
	partial bool
}

// Entry is one key of a mapping and its value.
type Entry struct {
	Key   Scalar
	Value Node
}

// Get gives the value of a key.
func (m Map) Get(key string) (Node, bool) {
	for _, entry := range m.Entries {
		if entry.Key.Text == key {
			return entry.Value, true
		}
	}
	return nil, false
}

func (s Scalar) Where() Span { return s.Span }
func (l List) Where() Span   { return l.Span }
func (m Map) Where() Span    { return m.Span }

func (Scalar) node() {}
func (List) node()   {}
func (Map) node()    {}
