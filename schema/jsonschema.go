package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// object is one node of a JSON Schema.
type object = map[string]any

// wrappedPattern is a bare expression that somebody has wrapped all the same.
const wrappedPattern = dynamicPattern + `|^\s*\{\{`

// Schema gives the JSON Schema (draft 2020-12) of a recipe with the step types of the catalog, for editors:
// keys, types, help and defaults. What needs more than one value to decide, Parse checks.
func Schema(catalog step.Catalog) ([]byte, error) {
	definitions := object{
		"input":       inputSchema(),
		"fact":        factSchema(),
		"retry":       retrySchema(),
		"expression":  bareSchema(),
		"step":        stepSchema(catalog, topLevel),
		"group-step":  stepSchema(catalog, inGroup),
		"branch-step": stepSchema(catalog, inBranch),
		"undo-step":   stepSchema(catalog, inUndo),
		"failsafe":    described(object{"type": "array", "items": reference("undo-step")}, "Steps that run where an undo before the commit failed."),
		"finally":     described(object{"type": "array", "items": reference("undo-step")}, "Steps that run at the end, good or bad."),
		"anything":    object{"not": object{"type": "null"}},
		"duration":    typeSchema(value.Of(value.KindDuration)),
		"description": object{"type": "string", "minLength": 1, "not": object{"pattern": dynamicPattern}},
	}
	for _, stepType := range catalog {
		definitions["type-"+stepType.About().Name] = leafSchema(stepType)
	}
	return encodeSchema(recipeSchema(definitions))
}

func encodeSchema(made object) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(made); err != nil {
		return nil, fmt.Errorf("the JSON Schema cannot be written: %w", err)
	}
	return text.Bytes(), nil
}

func recipeSchema(definitions object) object {
	names := func(of any) object {
		return object{"type": "object", "propertyNames": object{"pattern": identifierPattern.String()}, "additionalProperties": of}
	}
	return object{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"description":          "A recipe that updates a Linux machine, or rolls it back.",
		"type":                 "object",
		"additionalProperties": false,
		"required":             []string{"gwe", "name", "steps"},
		"properties": object{
			"gwe":     described(object{"const": 1}, "The version of the grammar."),
			"name":    described(object{"type": "string", "pattern": namePattern.String()}, "A short name, part of file names and log lines."),
			"summary": described(reference("description"), "What the recipe does, for people."),
			"inputs":  described(names(reference("input")), "What a run is given, read as inputs.NAME."),
			"facts":   described(names(reference("fact")), "What is found out about the machine once, before the first step, read as facts.NAME."),
			"vars":    described(names(reference("anything")), "Values computed once at the start, read as vars.NAME."),
			"lock": described(object{"anyOf": []any{
				lockSchema(),
				object{"type": "array", "minItems": 1, "items": lockSchema()},
			}}, "What one run at a time may work on: paths or names."),
			"timeout":  described(reference("duration"), "The time for the whole run."),
			"recover":  described(object{"const": "undo"}, "What a recovery does with an interrupted run."),
			"defaults": described(mappingSchema(object{"timeout": reference("duration"), "undo-timeout": reference("duration"), "retry": reference("retry")}), "What steps get that say nothing else."),
			"steps":    described(object{"type": "array", "minItems": 1, "items": reference("step")}, "What the recipe does, in order."),
			"failsafe": reference("failsafe"),
			"finally":  reference("finally"),
			"outputs":  described(names(reference("anything")), "Values that the run gives back."),
		},
		"$defs": definitions,
	}
}

// lockSchema is one lock: a name or a path, or a path and what must be mounted.
func lockSchema() object {
	name := object{"type": "string", "minLength": 1}
	withMount := mappingSchema(object{
		"path": described(name, "The directory that one run at a time may work on."),
		"mounted": described(object{"anyOf": []any{
			object{"type": "boolean"}, mountPointSchema(), object{"type": "array", "items": mountPointSchema()},
		}}, "What must be mounted, or nothing is done: true for a mount that has the path, or mount points."),
	})
	withMount["required"] = []string{"path"}
	return object{"anyOf": []any{name, withMount}}
}

// mountPointSchema is a path from the root, or an expression.
func mountPointSchema() object {
	return object{"type": "string", "pattern": "^$|^/|" + dynamicPattern}
}

func retrySchema() object {
	number := func(limits object) object {
		return object{"anyOf": []any{limits, dynamicSchema()}}
	}
	made := mappingSchema(object{
		"attempts":  described(number(object{"type": "integer", "minimum": 1}), "How many attempts there are, the first one included."),
		"delay":     described(reference("duration"), "The wait before the second attempt."),
		"factor":    described(number(object{"type": "number", "minimum": 1}), "By how much each wait is longer than the one before."),
		"max-delay": described(reference("duration"), "The longest wait."),
		"jitter":    described(number(object{"type": "number", "minimum": 0, "maximum": 1}), "By which share waits vary at random."),
		"total":     described(reference("duration"), "The time for all attempts and waits together."),
		"when":      described(reference("expression"), "Whether a failure is worth another attempt; it reads error."),
	})
	made["required"] = []string{"attempts"}
	return made
}

// bareSchema is an expression that is true or false, without ${{ }}.
func bareSchema() object {
	return object{"anyOf": []any{
		object{"type": "string", "pattern": `\S`, "not": object{"pattern": wrappedPattern}, "examples": []string{"inputs.force", "steps.current.found"}},
		object{"type": "boolean"},
	}}
}

// stepSchema is a step at its place: those that are never undone have no undo, and are not groups.
func stepSchema(catalog step.Catalog, where place) object {
	properties := object{
		"id":            described(object{"type": "string", "pattern": identifierPattern.String()}, "The name by which expressions read its outputs: steps.ID."),
		"name":          described(object{"type": "string", "minLength": 1}, "What the log calls it."),
		"when":          described(reference("expression"), "Whether it runs."),
		"until":         described(reference("expression"), "What must be true after it; it reads result. False is a failed attempt."),
		"timeout":       described(reference("duration"), "The time for each attempt."),
		"retry":         described(reference("retry"), "How often it is attempted again."),
		"allow-failure": described(object{"type": "boolean"}, "Whether the run continues where it fails; its own effects are undone."),
	}
	properties["allow"] = described(object{"type": "object", "additionalProperties": object{"type": "string", "minLength": 1}},
		"Rules that the step may break, each with the reason.")
	actions := []string{}
	if where.undone() {
		properties["for-each"] = forEachSchema()
		properties["undo"] = described(object{"anyOf": []any{
			object{"type": "array", "minItems": 1, "items": reference("undo-step")},
			object{"const": "none"},
		}}, "What undoes the step, before the type's own undo; none: nothing more can be done, and the run cannot be rolled back by hand.")
		properties["undo-last"] = described(object{"type": "array", "minItems": 1, "items": reference("undo-step")},
			"What runs once everything older was undone: makes a program take up what is there again.")
		properties["effects"] = described(object{"const": "none"}, "The step only looks: there is nothing to undo.")
		actions = append(actions, composedSchema(properties, where)...)
	}
	if where == topLevel {
		properties["commit"] = described(object{"type": "string", "minLength": 1}, "The point of no return: nothing before it is undone any more.")
		properties["reboot"], properties["confirm"], properties["hand-over"] = rebootSchema(), confirmSchema(), handOverSchema()
		actions = append(actions, "commit", "reboot", "confirm", "hand-over")
	}
	if where.stops() {
		properties["stop"] = described(object{"type": "string", "minLength": 1}, "Ends the run well here.")
		actions = append(actions, "stop")
	}
	for _, name := range catalog.Names() {
		properties[name] = reference("type-" + name)
		actions = append(actions, name)
	}
	made := mappingSchema(properties)
	one := make([]any, 0, len(actions))
	for _, name := range actions {
		one = append(one, object{"required": []string{name}})
	}
	made["oneOf"] = one
	made["dependentSchemas"] = endingsSchema(where)
	if where.undone() {
		made["dependentRequired"] = companionsSchema()
	}
	return made
}

// endingsSchema refuses the modifiers that say nothing beside commit, stop, reboot, confirm and hand-over.
func endingsSchema(where place) object {
	made := object{}
	for ending, accepted := range endings {
		refused := object{}
		for _, key := range modifiers {
			if !slices.Contains(accepted, key) && (!undoneOnly(key) || where.undone()) {
				refused[key] = false
			}
		}
		if (ending == "commit" || suspends(ending)) && where == topLevel || ending == "stop" && where.stops() {
			made[ending] = object{"properties": refused}
		}
	}
	return made
}

// undoneOnly reports whether a key stands only beside steps that are undone when the run fails.
func undoneOnly(key string) bool { return key == "undo" || key == "undo-last" || key == "effects" }

// composedSchema adds the keys of groups, parallels and used recipes, and gives their actions.
func composedSchema(properties object, where place) []string {
	list := func(of string) object {
		return object{"type": "array", "minItems": 1, "items": reference(of)}
	}
	inner := "group-step"
	if where == inBranch {
		inner = "branch-step"
	}
	properties["steps"] = described(list(inner), "A group: where one of its steps fails, the group is rolled back, and rescue may take over.")
	properties["rescue"] = described(list(inner), "Steps that run where the group failed and was rolled back; the run then continues.")
	properties["finally"] = described(list("undo-step"), "Steps that run at the group's end, good or bad.")
	properties["parallel"] = described(list("branch-step"), "Branches that run side by side; the first failure ends the others.")
	properties["limit"] = described(object{"anyOf": []any{object{"type": "integer", "minimum": 1}, dynamicSchema()}}, "How many branches run at one time.")
	properties["use"] = described(object{"type": "string", "minLength": 1, "not": object{"pattern": dynamicPattern}}, "Another recipe: a file beside this one, ./other.yaml, or the bare name of a shipped recipe.")
	properties["with"] = described(object{
		"type": "object", "propertyNames": object{"pattern": identifierPattern.String()}, "additionalProperties": reference("anything"),
	}, "The inputs of the recipe that is used.")
	return []string{"steps", "parallel", "use"}
}

// companionsSchema says beside which action a key stands.
func companionsSchema() object {
	made := object{}
	for key, action := range companions {
		made[key] = []string{action}
	}
	return made
}

func forEachSchema() object {
	return described(object{"anyOf": []any{
		object{"type": "array", "minItems": 1}, object{"type": "object", "minProperties": 1}, dynamicSchema(),
	}}, "The items for each of which it is carried out, in order; expressions read item and index (a map's key).")
}
