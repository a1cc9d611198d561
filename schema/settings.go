package schema

import (
	"fmt"
	"strings"

	"github.com/gwe-project/gwe/engine/value"
)

// fields gives a node as a mapping; an empty one where it is none, which it reports.
func (p *parser) fields(node Node, what string) Map {
	switch typed := node.(type) {
	case Map:
		return typed
	case nil:
	default:
		p.wrongShape(typed, what, "a mapping", mappingHint(typed, what))
	}
	return Map{}
}

// wrongShape reports a scalar, list or mapping where something else is wanted; null is reported as a missing
// value.
func (p *parser) wrongShape(node Node, what, wanted, hint string) {
	if scalar, ok := node.(Scalar); ok && scalar.Kind == Absent {
		if hint == "" {
			hint = "leave it out, or give it " + wanted
		}
		p.fail(scalar.Span, "no-value", what+" has no value", hint)
		return
	}
	p.fail(node.Where(), "wrong-shape", fmt.Sprintf("%s is %s, found %s", what, wanted, describe(node)), hint)
}

// text reads a text, which may hold expressions where dynamic; nil where it is none or empty.
func (p *parser) text(node Node, what string, dynamic bool) *Scalar {
	scalar, ok := node.(Scalar)
	switch {
	case node == nil:
	case !ok || scalar.Kind == Absent:
		p.wrongShape(node, what, "text", fmt.Sprintf("write %s: TEXT", what))
	case scalar.Kind != Text:
		p.fail(scalar.Span, "wrong-type", fmt.Sprintf("%s is text, found %s", what, describe(scalar)), textHint(scalar, what))
	case strings.TrimSpace(scalar.Text) == "":
		p.fail(scalar.Span, "no-value", what+" is empty", "write a text, or leave it out")
	case scalar.Dynamic && !dynamic:
		p.fail(scalar.expression(), "literal-only", what+" holds no expressions", "write it out")
	default:
		p.mistakenTemplate(scalar)
		return &scalar
	}
	return nil
}

// bare reads a bare expression: when, until, retry.when.
func (p *parser) bare(node Node, what string) *Scalar {
	scalar, ok := node.(Scalar)
	switch {
	case node == nil:
		return nil
	case !ok || scalar.Kind == Absent || strings.TrimSpace(scalar.Text) == "":
		hint := fmt.Sprintf("write %s: inputs.force, for example", what)
		if list, several := node.(List); several && len(list.Items) > 1 {
			hint = fmt.Sprintf("join them with and: %s: A and B", what)
		}
		p.wrongShape(node, what, "an expression", hint)
		return nil
	case scalar.Kind == Int || scalar.Kind == Float:
		p.fail(scalar.Span, "wrong-type", fmt.Sprintf("%s is an expression that is true or false, found %s", what, describe(scalar)), fmt.Sprintf("compare it with something: %s: inputs.count == %s", what, scalar.Text))
		return nil
	case scalar.Kind == Bool && scalar.Text != strings.ToLower(scalar.Text):
		p.fail(scalar.Span, "wrong-type", fmt.Sprintf("an expression knows no %s", scalar.Text), "write "+strings.ToLower(scalar.Text))
		return nil
	}
	if wanted, old := oldBools[strings.ToLower(scalar.Text)]; old && scalar.Kind == Text && scalar.Style == Plain {
		p.fail(scalar.Span, "old-bool", fmt.Sprintf("%s is not a bool here, but a name", quote(scalar.Text)), "write "+wanted)
		return nil
	}
	if trimmed := strings.TrimSpace(scalar.Text); strings.HasPrefix(trimmed, "{{") || strings.Contains(trimmed, "${{") {
		start := strings.Index(scalar.Text, "{{")
		if start > 0 && scalar.Text[start-1] == '$' {
			start--
		}
		hint := "leave out the ${{ and }}"
		inner, closed := strings.CutSuffix(strings.TrimPrefix(strings.TrimPrefix(trimmed, "$"), "{{"), "}}")
		if closed && !strings.Contains(inner, "}}") {
			hint = "write " + what + ": " + strings.TrimSpace(inner)
		}
		p.fail(scalar.Locate(start, min(start+3, len(scalar.Text))), "wrapped-expression", what+" is an expression already, and is not wrapped", hint)
		return nil
	}
	scalar.Dynamic = true
	if p.swallowed(scalar, scalar.Text) {
		return nil
	}
	return &scalar
}

// settingRule is what a setting accepts: its type, inclusive bounds, and how one is written.
type settingRule struct {
	of       value.Type
	min, max any
	example  string
}

var (
	positiveDuration = settingRule{of: value.Of(value.KindDuration), min: value.DurationOf(1), example: "10m"}
	anyDuration      = settingRule{of: value.Of(value.KindDuration), example: "5s"}
	attemptCount     = settingRule{of: value.Of(value.KindInt), min: 1, example: "3"}
	growth           = settingRule{of: value.Of(value.KindFloat), min: 1.0, example: "2"}
	share            = settingRule{of: value.Of(value.KindFloat), min: 0.0, max: 1.0, example: "0.3"}
)

// setting reads a scalar of a fixed type, literal or with expressions.
func (p *parser) setting(node Node, what string, rule settingRule) *Setting {
	scalar, ok := node.(Scalar)
	switch {
	case node == nil:
		return nil
	case !ok || scalar.Kind == Absent:
		p.wrongShape(node, what, indefinite(rule.of.String())+" "+rule.of.String(), fmt.Sprintf("write %s: %s, for example", what, rule.example))
		return nil
	case scalar.Dynamic:
		return &Setting{Scalar: scalar}
	}
	converted, err := scalar.Convert(rule.of)
	if number := rule.of.Kind == value.KindInt || rule.of.Kind == value.KindFloat; err != nil && number && scalar.Kind == Text && scalar.Style == Plain {
		p.fail(scalar.Span, "wrong-type", what+": "+err.Error(), fmt.Sprintf("write %s: %s, for example", what, rule.example))
		return nil
	}
	if err != nil {
		p.fault(scalar.Span, "wrong-type", what, err)
		return nil
	}
	if rule.min != nil && compare(converted, rule.min) < 0 || rule.max != nil && compare(converted, rule.max) > 0 {
		p.fail(scalar.Span, "bounds", fmt.Sprintf("%s is %s, found %s", what, rule.bounds(), scalar.Text), fmt.Sprintf("write %s: %s, for example", what, rule.example))
		return nil
	}
	return &Setting{Scalar: scalar, Value: converted}
}

func (r settingRule) bounds() string {
	switch {
	case r.of.Kind == value.KindDuration:
		return "longer than nothing"
	case r.max != nil:
		return fmt.Sprintf("between %v and %v", r.min, r.max)
	}
	return fmt.Sprintf("at least %v", r.min)
}

// retryKeys are the keys of retry.
var retryKeys = []string{"attempts", "delay", "factor", "max-delay", "jitter", "total", "when"}

func (p *parser) retry(node Node) *Retry {
	if scalar, ok := node.(Scalar); ok && scalar.Kind == Int {
		p.fail(scalar.Span, "wrong-shape", "retry is a mapping, found the number "+scalar.Text, fmt.Sprintf("write retry: {attempts: %s}", scalar.Text))
		return nil
	}
	fields, ok := node.(Map)
	if !ok {
		p.fields(node, "retry")
		return nil
	}
	retry := &Retry{Span: fields.Span}
	for _, entry := range fields.Entries {
		switch key := entry.Key.Text; key {
		case "attempts":
			retry.Attempts = p.setting(entry.Value, key, attemptCount)
		case "delay":
			retry.Delay = p.setting(entry.Value, key, anyDuration)
		case "factor":
			retry.Factor = p.setting(entry.Value, key, growth)
		case "max-delay":
			retry.MaxDelay = p.setting(entry.Value, key, anyDuration)
		case "jitter":
			retry.Jitter = p.setting(entry.Value, key, share)
		case "total":
			retry.Total = p.setting(entry.Value, key, positiveDuration)
		case "when":
			retry.When = p.bare(entry.Value, key)
		default:
			p.unknownKey(entry.Key, "retry", retryKeys)
		}
	}
	if missing(fields, "attempts", retryKeys) {
		p.fail(fields.Span, "missing-key", "retry does not say how many attempts", "write attempts: 3, for example; the first one counts")
	}
	return retry
}

// mappingHint says how to make the mapping that something else was written for.
func mappingHint(node Node, what string) string {
	if list, ok := node.(List); ok {
		if len(list.Items) > 0 {
			if inner, ok := list.Items[0].(Map); ok && len(inner.Entries) > 0 {
				return fmt.Sprintf("write it without the dash: %s: ...", inner.Entries[0].Key.Text)
			}
		}
		return fmt.Sprintf("write %s: {NAME: VALUE}", what)
	}
	return fmt.Sprintf("write %s: {NAME: VALUE}, or leave it out", what)
}

// textHint says how to write a text that YAML takes for something else.
func textHint(scalar Scalar, what string) string {
	switch what {
	case "id":
		return "a name starts with a letter: step_" + strings.Trim(notSnake.ReplaceAllString(strings.ToLower(scalar.Text), "_"), "_")
	case "recover":
		return "leave it out: an interrupted run is undone"
	case "commit":
		return "say what is so from here on: commit: the new version is in place"
	case "stop":
		return "say why there is nothing more to do: stop: it is up to date"
	case "lock":
		return "name what one run at a time may work on: lock: /opt/firmware"
	}
	return fmt.Sprintf("put it in quotes: %q", scalar.Text)
}
