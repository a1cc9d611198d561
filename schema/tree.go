package schema

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// coreTags are the tags of YAML's core schema; a recipe may write no others.
var coreTags = []string{"!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq"}

// tree makes a Node of a YAML node, with aliases replaced by what they stand for, and refuses what no recipe
// may hold anywhere: repeated keys, merge keys, foreign tags, too much of anything. Open are the anchored
// nodes around this one. It gives nil where it has reported the node.
func (p *parser) tree(node *yaml.Node, depth int, open []*yaml.Node) Node {
	at := Position{max(node.Line, 1), max(node.Column, 1)}
	p.nodes++
	switch {
	case p.nodes > maxNodes:
		if p.nodes == maxNodes+1 {
			if p.alias != (Position{}) {
				at = p.alias
			}
			p.fail(Span{Position: at, Length: 1}, "too-large",
				fmt.Sprintf("the recipe has more than %d values, aliases counted as often as they are used", maxNodes), "use fewer aliases")
		}
		return nil
	case depth > maxDepth:
		p.fail(Span{Position: at, Length: 1}, "too-deep", fmt.Sprintf("a recipe is at most %d levels deep", maxDepth), "move the inner part up")
		return nil
	}
	if node.Kind == yaml.AliasNode {
		if p.alias == (Position{}) {
			p.alias = at
			defer func() { p.alias = Position{} }()
		}
		if slices.Contains(open, node.Alias) {
			p.fail(Span{Position: at, Length: 1 + len([]rune(node.Value))}, "alias-loop", fmt.Sprintf("the anchor %s holds itself", quote(node.Value)), "write out what is meant instead of the alias")
			return nil
		}
		return p.tree(node.Alias, depth, open)
	}
	if node.Anchor != "" {
		open = append(slices.Clip(open), node)
	}
	begin, tag := p.properties(node, at)
	if tag != "" && !p.tag(node, begin, tag) {
		return nil
	}
	switch node.Kind {
	case yaml.SequenceNode:
		list := List{Span: p.source.span(begin, begin+1)}
		for _, content := range node.Content {
			list.Items = append(list.Items, p.tree(content, depth+1, open))
		}
		return list
	case yaml.MappingNode:
		return p.mapping(node, begin, depth, open)
	default:
		scalar := p.scalar(node, begin)
		if !p.literalOnly {
			p.expressions(&scalar)
		}
		return scalar
	}
}

// properties finds where a node starts after its anchor and its tag, and the tag.
func (p *parser) properties(node *yaml.Node, at Position) (begin int, tag string) {
	begin = p.source.offset(at)
	// The start of a block mapping is the start of its first key, whose tag is not the mapping's.
	if node.Kind != yaml.ScalarNode && node.Anchor == "" && node.Style&yaml.TaggedStyle == 0 {
		return begin, tag
	}
	for range 2 {
		ahead := p.source.bytes[begin:]
		if len(ahead) == 0 || ahead[0] != '!' && ahead[0] != '&' {
			break
		}
		width := bytes.IndexAny(ahead, " \t\r\n,[]{}")
		if width < 0 {
			width = len(ahead)
		}
		if ahead[0] == '!' {
			tag = string(ahead[:width])
		}
		next := ahead[width:]
		begin += width + len(next) - len(bytes.TrimLeft(next, " \t\r\n"))
	}
	return begin, tag
}

// tag refuses tags that are not of the core schema: nearly always, a negation was meant.
func (p *parser) tag(node *yaml.Node, begin int, tag string) bool {
	if node.Style&yaml.TaggedStyle != 0 && slices.Contains(coreTags, node.ShortTag()) {
		return true
	}
	hint := "leave it out; text that starts with ! goes in quotes"
	switch strings.ToLower(tag) {
	case "!vault":
		hint = "a secret is not part of a recipe: declare an input of type secret"
	case "!include", "!import":
		hint = "a recipe is one file: write the steps out"
	case "!env":
		hint = "a recipe sees no environment: declare an input, and give it with -i NAME=env:VARIABLE"
	}
	if node.Kind == yaml.ScalarNode && (tag == "!" || strings.ContainsAny(tag, ".(")) {
		hint = fmt.Sprintf("for a negation write \"not %s\"; text that starts with ! goes in quotes",
			strings.TrimSpace(strings.TrimPrefix(tag, "!")+" "+node.Value))
	}
	from := bytes.LastIndex(p.source.bytes[:begin], []byte(tag))
	p.fail(p.source.span(from, from+len(tag)), "tag", fmt.Sprintf("YAML takes %s for a tag, not for text", quote(tag)), hint)
	return false
}

func (p *parser) mapping(node *yaml.Node, begin, depth int, open []*yaml.Node) Node {
	made := Map{Span: p.source.span(begin, begin+1)}
	braces := bytes.HasPrefix(p.source.bytes[begin:], []byte("{{")) && len(node.Content) > 0 && node.Content[0].Kind == yaml.MappingNode
	seen := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		keyNode, valueNode := node.Content[i], node.Content[i+1]
		key, ok := p.key(keyNode, braces)
		if !ok {
			if braces {
				return nil
			}
			made.partial = true
			continue
		}
		if len(seen) == 0 && node.Style&yaml.FlowStyle == 0 {
			made.Span = key.Span
		}
		if keyNode.ShortTag() == "!!merge" {
			p.fail(key.Span, "merge-key", "merge keys (<<) are not accepted", "write the keys out, or use an alias for the whole value")
			made.partial = true
			continue
		}
		if line, twice := seen[key.Text]; twice {
			p.fail(key.Span, "duplicate-key", fmt.Sprintf("the key %s stands here twice: first on line %d", quote(key.Text), line), "remove one of them")
			continue
		}
		seen[key.Text] = key.Line
		made.Entries = append(made.Entries, Entry{Key: key, Value: p.tree(valueNode, depth+1, open)})
	}
	return made
}

// key reads a key, which is text always.
func (p *parser) key(node *yaml.Node, braces bool) (Scalar, bool) {
	at := Position{max(node.Line, 1), max(node.Column, 1)}
	if node.Kind == yaml.AliasNode && node.Alias.Kind == yaml.ScalarNode {
		return Scalar{Text: node.Alias.Value, Kind: Text, Span: Span{at, 1 + len([]rune(node.Value))}}, true
	}
	if node.Kind != yaml.ScalarNode {
		if braces {
			start := p.source.offset(at) - 1
			p.fail(p.source.span(start, start+2), "braces", "YAML reads an unquoted {{ as a mapping", "write "+p.wrapped(start))
			return Scalar{}, false
		}
		p.fail(Span{at, 1}, "key", "a key is plain text, not a list or a mapping", "put it in quotes")
		return Scalar{}, false
	}
	begin, tag := p.properties(node, at)
	if tag != "" && !p.tag(node, begin, tag) {
		return Scalar{}, false
	}
	key := p.scalar(node, begin)
	if key.Kind != Text && node.ShortTag() != "!!merge" {
		p.fail(key.Span, "key", "a key is text, found "+describe(key), fmt.Sprintf("put it in quotes: %q", key.Text))
		return Scalar{}, false
	}
	if strings.Contains(key.Text, "${{") {
		p.fail(key.Span, "literal-only", "a key holds no expressions", "write the name out; where names are computed, the whole mapping is one expression")
		return Scalar{}, false
	}
	return key, true
}

// wrapped is how "{{ x }}" at an offset should have been written.
func (p *parser) wrapped(start int) string {
	line := p.source.bytes[start:p.source.lineEnd(p.source.position(start).Line)]
	inner, _, closed := bytes.Cut(line[2:], []byte("}}"))
	if !closed {
		return `"${{ ... }}"`
	}
	return `"${{ ` + string(bytes.TrimSpace(inner)) + ` }}"`
}
