package value

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Parse reads a value of the type from text, as -i NAME=VALUE and the defaults of arguments give it. Scalars
// are read strictly: an int is decimal digits, a bool is true or false, a float is finite. Lists, maps and
// objects are YAML or JSON flow text, "[a, b]" or "{a: 1}", whose scalars are read by the element's type:
// 1.10 in a list<version> is the version 1.10.
func Parse(t Type, text string) (any, error) {
	switch t.Kind {
	case KindString:
		return text, nil
	case KindPath:
		return text, checkPath(text)
	case KindURL:
		return text, checkURL(text)
	case KindSecret:
		return NewSecret(text), nil
	case KindInt:
		number, err := strconv.Atoi(text)
		if err != nil || strings.HasPrefix(text, "+") {
			return nil, intFault(text, err)
		}
		return number, nil
	case KindFloat:
		return parseFloat(text)
	case KindBool:
		switch text {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, valueFault("%q is neither true nor false", clip(text)).WithHint("write true or false")
	case KindDuration:
		return ParseDuration(text)
	case KindSize:
		return ParseSize(text)
	case KindVersion:
		return ParseVersion(text)
	default:
		return parseFlow(t, text)
	}
}

func intFault(text string, err error) error {
	if errors.Is(err, strconv.ErrRange) {
		return valueFault("%s is too big for an int", clip(text))
	}
	return valueFault("%q is not a whole number", clip(text)).WithHint("write decimal digits: 12, for example")
}

func parseFloat(text string) (float64, error) {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(number, 0) || math.IsNaN(number) || strings.ContainsAny(text, "xXpP_+") && !strings.Contains(text, "e+") {
		return 0, valueFault("%q is not a number", clip(text)).WithHint("write 1.5, for example")
	}
	return number, nil
}

// parseFlow reads lists, maps, objects and any.
func parseFlow(t Type, text string) (any, error) {
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	var document, second yaml.Node
	if err := decoder.Decode(&document); err != nil || len(document.Content) != 1 {
		return nil, valueFault("%q cannot be read as a %s", clip(text), t).WithHint("%s", example(t))
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, valueFault("%q cannot be read as a %s: something stands after its end", clip(text), t).WithHint("%s", example(t))
	}
	return fromNode(t, document.Content[0])
}

// fromNode reads a YAML node by its type. Tags, anchors, aliases, null and repeated keys are refused.
func fromNode(t Type, node *yaml.Node) (any, error) {
	if node.Kind == yaml.AliasNode || node.Anchor != "" || node.Style&yaml.TaggedStyle != 0 {
		return nil, valueFault("anchors, aliases and tags are not accepted in a value")
	}
	switch {
	case t.Kind == KindAny:
		return anyFromNode(node)
	case t.Kind == KindList && node.Kind == yaml.SequenceNode:
		list := make([]any, 0, len(node.Content))
		for i, content := range node.Content {
			element, err := fromNode(t.element(), content)
			if err != nil {
				return nil, inside("element "+strconv.Itoa(i), err)
			}
			list = append(list, element)
		}
		return list, nil
	case (t.Kind == KindMap || t.Kind == KindObject) && node.Kind == yaml.MappingNode:
		return mappingFromNode(t, node)
	case t.Kind == KindList || t.Kind == KindMap || t.Kind == KindObject || node.Kind != yaml.ScalarNode || node.ShortTag() == "!!null":
		return nil, valueFault("expected a %s, found %s", t, nodeName(node)).WithHint("%s", example(t))
	}
	if t.Kind == KindBool && node.ShortTag() == "!!bool" || (t.Kind == KindInt || t.Kind == KindFloat) && node.ShortTag() == "!!int" {
		read, err := anyFromNode(node) // True is a bool, and 0644 another number for each reader
		if err != nil {
			return nil, err
		}
		return Convert(t, read)
	}
	return Parse(t, node.Value)
}

func mappingFromNode(t Type, node *yaml.Node) (any, error) {
	values := make(map[string]any, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
			return nil, valueFault("a key of a map is a plain string")
		}
		if _, twice := values[key.Value]; twice {
			return nil, valueFault("the key %q is there twice", clip(key.Value))
		}
		memberType := t.element()
		if t.Kind == KindObject {
			field, ok := t.Field(key.Value)
			if !ok {
				return nil, unknownField(t, key.Value)
			}
			memberType = field.Type
		}
		member, err := fromNode(memberType, node.Content[i+1])
		if err != nil {
			return nil, inside(key.Value, err)
		}
		values[key.Value] = member
	}
	if t.Kind == KindObject {
		return Convert(t, values)
	}
	return values, nil
}

// anyFromNode reads a node by YAML's own types. A number whose text would change when it is written back is
// refused: 1.10 may be a version.
func anyFromNode(node *yaml.Node) (any, error) {
	switch node.Kind {
	case yaml.SequenceNode:
		return fromNode(ListOf(Of(KindAny)), node)
	case yaml.MappingNode:
		return fromNode(MapOf(Of(KindAny)), node)
	}
	if node.ShortTag() == "!!timestamp" {
		return node.Value, nil
	}
	var decoded any
	if err := node.Decode(&decoded); err != nil {
		return nil, valueFault("%q cannot be read", clip(node.Value))
	}
	canonical, err := Convert(Of(KindAny), decoded)
	if number := node.ShortTag() == "!!int" || node.ShortTag() == "!!float"; err == nil && number && Text(canonical) != node.Value {
		return nil, valueFault("YAML reads %s as the number %s", clip(node.Value), Text(canonical)).
			WithHint("write %s if you mean the number, or %q if you mean the text", Text(canonical), clip(node.Value))
	}
	return canonical, err
}

func nodeName(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.Kind == yaml.MappingNode:
		return "a map"
	case node.ShortTag() == "!!null":
		return "nothing"
	}
	return strconv.Quote(clip(node.Value))
}
