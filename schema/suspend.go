package schema

import (
	"fmt"

	"github.com/gwe-project/gwe/engine/value"
)

// The keys of the two actions at which a run waits.
var (
	rebootKeys  = []string{"within", "command", "expect", "await", "attempts"}
	confirmKeys = []string{"within", "boots", "until", "for"}
)

var bootCount = settingRule{of: value.Of(value.KindInt), min: 1, example: "3"}

// suspends tells whether an action ends the process and goes on in another one.
func suspends(key string) bool { return key == "reboot" || key == "confirm" }

// suspension reads reboot and confirm.
func (p *parser) suspension(entry Entry, where place) Action {
	key := entry.Key
	switch {
	case where == inGroup || where == inBranch:
		p.fail(key.Span, "suspend-not-here", fmt.Sprintf("%s does not stand in %s: the run ends here, and goes on in another process", key.Text, where),
			"write it among the recipe's own steps, before or behind the group")
	case where != topLevel:
		p.fail(key.Span, "suspend-not-here", fmt.Sprintf("%s does not stand in %s", key.Text, where),
			"leave it out: where a run is put back over a reboot, gwe reboots once more by itself")
	case key.Text == "confirm" && p.commit != nil:
		p.fail(key.Span, "confirm-late", fmt.Sprintf("the commit on line %d stands before this confirm: nothing before it is undone any more", p.commit.Line),
			"write the commit behind it")
	}
	fields, ok := entry.Value.(Map)
	if !ok {
		if entry.Value != nil {
			p.wrongShape(entry.Value, key.Text, "a mapping", fmt.Sprintf("write %s: {within: 10m}, for example", key.Text))
		}
		fields = Map{Span: key.Span, partial: true}
	}
	if key.Text == "confirm" {
		return p.confirm(key, fields)
	}
	return p.reboot(key, fields)
}

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
			p.wrongShape(node, "command", "a list of the program and its arguments", "write command: [systemctl, reboot]; [] where somebody else reboots the machine")
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
