package schema

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// scalar makes a Scalar of a YAML node whose own text begins at that offset.
func (p *parser) scalar(node *yaml.Node, begin int) Scalar {
	made := Scalar{Text: node.Value, Kind: kindOf(node), Style: styleOf(node), source: p.source, begin: begin}
	end := begin
	switch made.Style {
	case Literal, Folded:
		end = begin + 1
	case Plain:
		if made.Text != "" {
			end = p.endOf(made)
		}
	default:
		// The closing quote stands after the text, and what folded lines left before it.
		end = p.endOf(made)
		closing := bytes.IndexByte(p.source.bytes[end:], p.source.bytes[begin])
		end += closing + 1
	}
	made.Span = p.source.span(begin, end)
	return made
}

// endOf is the offset after a scalar's text.
func (p *parser) endOf(s Scalar) int {
	if origins := s.origins(); origins != nil {
		return origins[len(origins)-1].from
	}
	return p.source.lineEnd(p.source.position(s.begin).Line)
}

func styleOf(node *yaml.Node) Style {
	switch {
	case node.Style&yaml.DoubleQuotedStyle != 0:
		return DoubleQuoted
	case node.Style&yaml.SingleQuotedStyle != 0:
		return SingleQuoted
	case node.Style&yaml.LiteralStyle != 0:
		return Literal
	case node.Style&yaml.FoldedStyle != 0:
		return Folded
	}
	return Plain
}

// kindOf gives YAML's reading. Dates, and the merge key where it is not a key, are text.
func kindOf(node *yaml.Node) Kind {
	switch node.ShortTag() {
	case "!!int":
		return Int
	case "!!float":
		return Float
	case "!!bool":
		return Bool
	case "!!null":
		return Absent
	}
	return Text
}

// The forms of numbers that mean the same to every reader: no leading zeros, no underscores, no other base.
var (
	intForm   = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	floatForm = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)
)

// wholeRange is how other tools write some whole numbers in a row.
var wholeRange = regexp.MustCompile(`^(0|[1-9][0-9]?)(?:-|\.\.)(0|[1-9][0-9]?)$`)

// asList is the hint for a single value where a list is wanted: only what its elements can be.
func (s Scalar) asList(element value.Type) string {
	if spread := spreadRange(s.Text); spread != "" && (element.Kind == value.KindInt || element.Kind == value.KindAny) {
		return "write [" + spread + "]: a range has no form of its own"
	}
	if _, err := s.Convert(element); err == nil {
		return fmt.Sprintf("write it as a list: [%s]", s.written())
	}
	if element.Kind == value.KindInt {
		return "write the numbers as a list: [0, 1], for example"
	}
	return fmt.Sprintf("write a list of %s: [...]", element)
}

// spreadRange writes a range of whole numbers out, the first and the last of them included; "" where the text
// is not a range.
func spreadRange(text string) string {
	ends := wholeRange.FindStringSubmatch(text)
	if ends == nil {
		return ""
	}
	from, _ := strconv.Atoi(ends[1])
	to, _ := strconv.Atoi(ends[2])
	if to < from || to-from > 20 {
		return ""
	}
	var numbers []string
	for ; from <= to; from++ {
		numbers = append(numbers, strconv.Itoa(from))
	}
	return strings.Join(numbers, ", ")
}

// Convert gives a literal's canonical value of that type. Its error is a *fault.Fault that says what was
// expected, what was found and what to write.
//
//nolint:gocyclo // one case for each type, with what its author meant
func (s Scalar) Convert(t value.Type) (any, error) {
	switch t.Kind {
	case value.KindString, value.KindPath, value.KindURL, value.KindVersion, value.KindSecret:
		if s.Kind != Text && s.Kind != Absent {
			return nil, misfit("expected %s, found %s", article(t), describe(s)).WithHint("put it in quotes: %q", s.Text)
		}
	case value.KindList:
		if s.Kind != Absent {
			return nil, misfit("expected %s, found %s", article(t), describe(s)).WithHint("%s", s.asList(*t.Elem))
		}
	case value.KindBool:
		if s.Kind != Bool && s.Kind != Absent {
			hint := "write true or false"
			if wanted, ok := oldBools[strings.ToLower(s.Text)]; ok {
				hint = "write " + wanted
			}
			return nil, misfit("expected a bool, found %s", describe(s)).WithHint("%s", hint)
		}
	case value.KindInt:
		if s.Kind == Float && floatForm.MatchString(s.Text) || s.Kind == Text || s.Kind == Bool {
			hint := "write 12, for example"
			if whole, found := strings.CutSuffix(s.Text, ".0"); intForm.MatchString(whole) && (found || s.Style != Plain) {
				hint = fmt.Sprintf("write %s, without quotes", whole)
				if found {
					hint = "write " + whole
				}
			} else if spread := spreadRange(s.Text); spread != "" {
				hint = "write " + spread + ", each number for itself: a range has no form of its own"
			}
			return nil, misfit("expected an int, found %s", describe(s)).WithHint("%s", hint)
		}
	case value.KindFloat:
		if s.Kind == Text && floatForm.MatchString(s.Text) {
			return nil, misfit("expected a float, found %s", describe(s)).WithHint("write %s, without quotes", s.Text)
		}
	}
	plain, err := s.plain()
	if err != nil {
		return nil, err
	}
	if t.Kind == value.KindAny && s.changes(plain) {
		return nil, s.oddNumber()
	}
	return value.Convert(t, plain)
}

// changes reports whether a number is another text when it is written back: 1.10 becomes 1.1. Where no type
// is wanted, it may be a text that its author took for a number, a version say.
func (s Scalar) changes(plain any) bool {
	return (s.Kind == Int || s.Kind == Float) && value.Text(plain) != s.Text
}

// oldBools are what YAML 1.1 took for bools, and people still do.
var oldBools = map[string]string{
	"yes": "true", "no": "false", "on": "true", "off": "false", "y": "true", "n": "false", "true": "true", "false": "false",
}

// plain gives the value as YAML reads it. Numbers whose meaning differs from reader to reader are refused.
func (s Scalar) plain() (any, error) {
	switch s.Kind {
	case Bool:
		return strings.EqualFold(s.Text, "true"), nil
	case Absent:
		return nil, nil
	case Int:
		if !intForm.MatchString(s.Text) {
			return nil, s.oddNumber()
		}
		number, err := strconv.Atoi(s.Text)
		if err != nil {
			return nil, misfit("%s is too big for an int", s.Text).WithHint("put it in quotes if you mean the text: %q", s.Text)
		}
		return number, nil
	case Float:
		number, err := strconv.ParseFloat(s.Text, 64)
		if err != nil || !floatForm.MatchString(s.Text) {
			return nil, s.oddNumber()
		}
		return number, nil
	}
	return s.Text, nil
}

// oddNumber refuses 0644, 1_000, 0x1f, .5 and the like, and 1.10 where it may be a text.
func (s Scalar) oddNumber() error {
	var read any
	node := yaml.Node{Kind: yaml.ScalarNode, Value: s.Text}
	if err := node.Decode(&read); err != nil {
		return misfit("%s is not a number", quote(s.Text)).WithHint("numbers are decimal, without leading zeros and underscores")
	}
	return misfit("YAML reads %s as the number %v", s.Text, read).WithHint("write %v if you mean the number, or %q if you mean the text", read, s.Text)
}

// written is the scalar as it would stand in a flow collection.
func (s Scalar) written() string {
	if s.Kind == Text && (s.Style != Plain || strings.ContainsAny(s.Text, ",[]{}:#")) {
		return fmt.Sprintf("%q", s.Text)
	}
	return s.Text
}

func article(t value.Type) string {
	if name := t.String(); strings.ContainsRune("aeio", rune(name[0])) {
		return "an " + name
	} else {
		return "a " + name
	}
}

func misfit(format string, arguments ...any) *fault.Fault {
	return fault.New(fault.Refused, "value-invalid", format, arguments...)
}
