package schema

import (
	"fmt"

	"github.com/gwe-project/gwe/engine/value"
)

// The keys of the actions at which the run is in progress in another process.
var (
	rebootKeys   = []string{"within", "command", "expect", "await", "attempts"}
	confirmKeys  = []string{"within", "boots", "until", "for"}
	handOverKeys = []string{"program", "within"}
)

var bootCount = settingRule{of: value.Of(value.KindInt), min: 1, example: "3"}

// suspends reports whether an action ends the process and continues in another one.
func suspends(key string) bool { return key == "reboot" || key == "confirm" || key == "hand-over" }

// suspension reads reboot, confirm and hand-over.
func (p *parser) suspension(entry Entry, where place) Action {
	key := entry.Key
	switch {
	case where == inGroup || where == inBranch:
		p.fail(key.Span, "suspend-not-here", fmt.Sprintf("%s does not stand in %s: the run ends here, and continues in another process", key.Text, where),
			"write it among the recipe's own steps, before or after the group")
	case where != topLevel:
		p.fail(key.Span, "suspend-not-here", fmt.Sprintf("%s does not stand in %s", key.Text, where), neededNot[key.Text])
	case key.Text == "confirm" && p.commit != nil:
		p.fail(key.Span, "confirm-late", fmt.Sprintf("the commit on line %d stands before this confirm: nothing before it is undone any more", p.commit.Line),
			"write the commit after it")
	}
	fields, ok := entry.Value.(Map)
	if !ok {
		if entry.Value != nil {
			p.wrongShape(entry.Value, key.Text, "a mapping", suspensionHint(key.Text, entry.Value))
		}
		fields = Map{Span: key.Span, partial: true}
	}
	switch key.Text {
	case "confirm":
		return p.confirm(key, fields)
	case "hand-over":
		return p.handOver(key, fields)
	}
	return p.reboot(key, fields)
}

// neededNot says why none of them is needed where nothing is undone.
var neededNot = map[string]string{
	"reboot":    "leave it out: where a run is rolled back over a reboot, gwe reboots once more by itself",
	"confirm":   "leave it out: where a run is rolled back over a reboot, gwe reboots once more by itself",
	"hand-over": "leave it out: the gwe that is there puts the run back",
}

// suspensionHint shows how the key is written, with the time that was given.
func suspensionHint(key string, node Node) string {
	if text, ok := node.(Scalar); ok && key != "hand-over" {
		if _, err := value.ParseDuration(text.Text); err == nil {
			return fmt.Sprintf("write %s: {within: %s}", key, text.Text)
		}
	}
	return fmt.Sprintf("write %s: {%s}, for example", key, suspensionExample[key])
}

var suspensionExample = map[string]string{"reboot": "within: 10m", "confirm": "within: 10m", "hand-over": "program: /opt/gwe/new/gwe"}

func (p *parser) reboot(key Scalar, fields Map) Reboot {
	reboot := Reboot{Key: key}
	for _, entry := range fields.Entries {
		switch name := entry.Key.Text; name {
		case "within":
			reboot.Within = p.setting(entry.Value, name, positiveDuration)
		case "command":
			reboot.Command = p.rebootCommand(entry.Value)
		case "expect":
			reboot.Expect = p.bare(entry.Value, name)
		case "await":
			reboot.Await = p.bare(entry.Value, name)
		case "attempts":
			reboot.Attempts = p.setting(entry.Value, name, attemptCount)
		default:
			p.unknownKey(entry.Key, "reboot", rebootKeys)
		}
	}
	if missing(fields, "within", rebootKeys) {
		p.fail(key.Span, "missing-key", "reboot does not say how long the run waits for it", "write reboot: {within: 10m}, for example")
	}
	return reboot
}

// rebootCommand reads the program that reboots the machine; an empty list is nobody of ours.
func (p *parser) rebootCommand(node Node) *List {
	list, ok := node.(List)
	if !ok {
		if node != nil {
			p.wrongShape(node, "command", "a list of the program and its arguments", "write command: [systemctl, reboot]; [] where another program reboots the machine")
		}
		return nil
	}
	before := len(p.diagnostics)
	p.literal(list, value.ListOf(value.Of(value.KindString)), "command")
	if p.diagnostics[before:].HasErrors() {
		return nil
	}
	return &list
}

func (p *parser) confirm(key Scalar, fields Map) Confirm {
	confirm := Confirm{Key: key}
	for _, entry := range fields.Entries {
		switch name := entry.Key.Text; name {
		case "within":
			confirm.Within = p.setting(entry.Value, name, positiveDuration)
		case "boots":
			confirm.Boots = p.setting(entry.Value, name, bootCount)
		case "until":
			confirm.Until = p.bare(entry.Value, name)
		case "for":
			confirm.For = p.setting(entry.Value, name, positiveDuration)
		default:
			p.unknownKey(entry.Key, "confirm", confirmKeys)
		}
	}
	if missing(fields, "within", confirmKeys) {
		p.fail(key.Span, "missing-key", "confirm does not say how long the run waits for it", "write confirm: {within: 1h}, for example")
	}
	if _, there := fields.Get("until"); confirm.For != nil && !there && !fields.partial {
		p.fail(keySpan(fields, "for"), "companion", `"for" stands beside "until" only`, "write until: facts.health == \"ok\", for example: for says how long that must hold")
	}
	return confirm
}

func (p *parser) handOver(key Scalar, fields Map) HandOver {
	handOver := HandOver{Key: key}
	for _, entry := range fields.Entries {
		switch name := entry.Key.Text; name {
		case "program":
			handOver.Program = p.text(entry.Value, name, true)
		case "within":
			handOver.Within = p.setting(entry.Value, name, positiveDuration)
		default:
			p.unknownKey(entry.Key, "hand-over", handOverKeys)
		}
	}
	if missing(fields, "program", handOverKeys) {
		p.fail(key.Span, "missing-key", "hand-over does not say which gwe continues the run", "write hand-over: {program: /opt/gwe/new/gwe}, for example")
	}
	return handOver
}
