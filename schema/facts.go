package schema

import (
	"fmt"
	"strings"

	"github.com/gwe-project/gwe/engine/value"
)

// Fact is something that a run finds out about the machine before its first step, once. Exactly one of Run,
// File and Free says where it comes from; the others are nil.
type Fact struct {
	Name Scalar
	Type value.Type
	// Run is a program and its arguments, a list<string>: the fact is what it writes to its standard output.
	Run Node
	// File is a path: the fact is what the file holds.
	File Node
	// Free is a path: the fact is the space on its file system that this user may still write.
	Free Node
	// Timeout is a duration, for Run.
	Timeout *Setting
	// Optional facts may be absent.
	Optional bool
	// Help is one line for people.
	Help string
}

// factKeys are the keys of a fact, and factSources those of which each has one.
var (
	factKeys    = []string{"type", "run", "file", "free", "timeout", "optional", "help"}
	factSources = []string{"run", "file", "free"}
)

func (p *parser) facts(node Node) []*Fact {
	var facts []*Fact
	for _, entry := range p.fields(node, "facts").Entries {
		named := p.identifier(entry.Key, "fact")
		fields, ok := entry.Value.(Map)
		if !ok {
			if entry.Value != nil {
				hint := fmt.Sprintf("write %s: {type: string, file: /etc/hostname}, for example", entry.Key.Text)
				if words := plainTexts(entry.Value); len(words) == 1 && len(strings.Fields(words[0])) > 1 {
					hint = fmt.Sprintf("write %s: {type: string, run: [%s]}", entry.Key.Text, strings.Join(strings.Fields(words[0]), ", "))
				}
				p.wrongShape(entry.Value, "a fact", "a mapping", hint)
			}
			p.spoilt["facts."+entry.Key.Text] = true
			continue
		}
		if fact := p.fact(entry.Key, fields); fact != nil && named {
			facts = append(facts, fact)
		} else {
			p.spoilt["facts."+entry.Key.Text] = true
		}
	}
	return facts
}

// fact reads one fact; nil where its type or its source is not known.
func (p *parser) fact(name Scalar, fields Map) *Fact {
	fact := &Fact{Name: name}
	source := Scalar{}
	for _, entry := range fields.Entries {
		switch key, node := entry.Key.Text, entry.Value; key {
		case "type": // below: it depends on the source
		case "help":
			if help := p.text(node, key, false); help != nil {
				fact.Help = help.Text
			}
		case "optional":
			fact.Optional = p.literalBool(node, key)
		case "timeout":
			fact.Timeout = p.setting(node, key, positiveDuration)
		case "run", "file", "free":
			if source.Text != "" {
				p.fail(entry.Key.Span, "fact-source", fmt.Sprintf("the fact %s has a %s already: it comes from one place", name.Text, source.Text), "make it two facts")
				continue
			}
			source = entry.Key
			p.factSource(fact, key, node)
		default:
			p.unknownKey(entry.Key, "a fact", factKeys)
		}
	}
	if source.Text == "" {
		for _, key := range factSources {
			if !missing(fields, key, factKeys) {
				return nil // it stands there misspelt
			}
		}
		p.fail(name.Span, "fact-source", fmt.Sprintf("the fact %s does not say where it comes from", name.Text),
			"write run: [PROGRAM, ARGUMENT], file: /PATH, or free: /PATH")
		return nil
	}
	if fact.Timeout != nil && source.Text != "run" {
		p.fail(keySpan(fields, "timeout"), "key-not-here", "a fact from "+source.Text+" has no timeout", "leave it out: only run takes its time")
	}
	if !p.factType(fact, fields) || fact.Run == nil && fact.File == nil && fact.Free == nil {
		return nil
	}
	return fact
}

func (p *parser) factSource(fact *Fact, key string, node Node) {
	if key != "run" {
		if scalar, ok := node.(Scalar); ok && scalar.Dynamic {
			p.mistakenTemplate(scalar)
		} else if _, ok := p.literal(node, value.Of(value.KindPath), key); !ok {
			return
		}
		if key == "file" {
			fact.File = node
		} else {
			fact.Free = node
		}
		return
	}
	list, ok := node.(List)
	switch {
	case node == nil:
	case !ok:
		words := "cat, /etc/board"
		if scalar, ok := node.(Scalar); ok && scalar.Kind == Text {
			words = strings.Join(strings.Fields(scalar.Text), ", ")
		}
		p.wrongShape(node, "run", "a list of the program and its arguments", fmt.Sprintf("write run: [%s]; there is no shell", words))
	case len(list.Items) == 0:
		p.fail(list.Span, "no-value", "run names no program", "write run: [cat, /etc/board], for example")
	default:
		before := len(p.diagnostics)
		p.literal(list, value.ListOf(value.Of(value.KindString)), "run")
		if !p.diagnostics[before:].HasErrors() {
			fact.Run = list
		}
	}
}

// factType reads the type; free space is a size, and need not say so.
func (p *parser) factType(fact *Fact, fields Map) bool {
	node, there := fields.Get("type")
	_, free := fields.Get("free")
	if !there && free {
		fact.Type = value.Of(value.KindSize)
		return true
	}
	if !there {
		if missing(fields, "type", factKeys) {
			p.fail(fact.Name.Span, "missing-key", fmt.Sprintf("the fact %s has no type", fact.Name.Text), "write type: string, for example")
		}
		return false
	}
	text := p.text(node, "type", false)
	if text == nil {
		return false
	}
	parsed, err := value.ParseType(text.Text)
	switch {
	case err != nil:
		p.fault(text.Span, "type", "type", err)
		return false
	case parsed.HoldsSecret():
		p.fail(text.Span, "fact-secret", "a fact is not a secret: it stands in the journal and in the log", "take it as an input of type secret, by -i NAME=@FILE")
		return false
	case free && parsed.Kind != value.KindSize:
		p.fail(text.Span, "wrong-type", "free space is a size, not "+indefinite(parsed.String())+" "+parsed.String(), "leave the type out")
		return false
	}
	fact.Type = parsed
	return true
}
