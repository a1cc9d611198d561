package schema

// SuiteSchema gives the JSON Schema (draft 2020-12) of a file of tests, for editors: keys, types and help. Of
// the recipe that is tested it knows nothing; what needs that, or more than one value to decide, gwe validate
// checks.
func SuiteSchema() ([]byte, error) {
	texts := object{"anyOf": []any{object{"type": "string"}, object{"type": "array", "items": object{"type": "string"}}}}
	absolute := object{"type": "string", "pattern": "^/."}
	definitions := object{
		"texts":   texts,
		"mode":    described(object{"type": "string", "pattern": modeForm.String()}, "Permission bits, three or four octal digits in quotes."),
		"inputs":  described(object{"type": "object", "propertyNames": object{"pattern": identifierPattern.String()}}, "What the run is given, as by -i."),
		"fixture": described(treeSchema(absolutePaths, fixtureKeys), "The tree that a case starts from, by path."),
		"package": described(treeSchema(relativePaths, packagedKeys), "A package that is made for the test, its files by path: signed as NAME.tar.zst.gpg or NAME.tar.gz.gpg, or a plain archive NAME.tar.zst or NAME.tar.gz."),
		"tree":    described(treeSchema(absolutePaths, expectedKeys), "What must be there, by path; what an entry leaves out may be anything."),
		"stand-ins": described(object{
			"type": "object", "propertyNames": object{"pattern": commandName.String()},
			"additionalProperties": mappingSchema(object{
				"exit":   described(exitCodeSchema(), "The code that it ends with."),
				"prints": described(reference("texts"), "Its lines on standard output."),
				"unaffected": described(object{"type": "boolean"},
					"It has nothing of what the recipe changes, so it need not run again when a change is undone."),
			}),
		}, "Programs that write down how they are called, print lines, and exit with a code."),
		"setup":  described(object{"type": "string"}, "Text for /bin/sh, run when the fixture stands."),
		"ignore": described(object{"anyOf": []any{absolute, object{"type": "array", "items": absolute}}}, "No tree is compared at or below these paths."),
		"next": object{"anyOf": []any{
			object{"enum": nextWords},
			mappingSchema(object{
				NextReboot:   described(object{"type": "string"}, "Text for /bin/sh that runs at this boot, before gwe does."),
				NextRollback: described(object{"type": "string"}, "Text for /bin/sh that runs before the rollback: it does what the machine did since the commit."),
			}),
		}},
		"then": described(object{"anyOf": []any{reference("next"), object{"type": "array", "items": reference("next")}}},
			"What comes while the run is suspended, one after the other, and a rollback by hand when it has committed."),
		"case":   caseSchema(),
		"expect": expectSchema(),
	}
	properties := sharedSuiteKeys()
	properties["gwe-test"] = described(object{"const": 1}, "The version of the grammar.")
	properties["recipe"] = described(object{"type": "string", "minLength": 1}, "The recipe, relative to this file, or the name of a shipped one; by default the one beside it.")
	properties["cases"] = described(object{"type": "array", "minItems": 1, "items": reference("case")}, "The tests.")
	made := mappingSchema(properties)
	made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	made["description"] = "Tests of a gwe recipe."
	made["required"] = []string{"gwe-test", "cases"}
	made["$defs"] = definitions
	return encodeSchema(made)
}

// sharedSuiteKeys are the keys that a file of tests and a case have in common.
func sharedSuiteKeys() object {
	shared := object{}
	for _, key := range []string{"inputs", "fixture", "stand-ins", "setup", "ignore", "then"} {
		shared[key] = reference(key)
	}
	return shared
}

func caseSchema() object {
	properties := sharedSuiteKeys()
	properties["name"] = described(object{"type": "string", "minLength": 1}, "What the case shows, in a few words.")
	properties["fail-at"] = described(object{"type": "string", "minLength": 1}, "The step that fails, before and after its acting: an id, a path as steps[2], or every.")
	properties["kill-at"] = described(object{"type": "string", "minLength": 1}, "The step at which gwe is killed; then it recovers.")
	properties["expect"] = reference("expect")
	made := mappingSchema(properties)
	made["required"] = []string{"name"}
	made["not"] = object{"required": []string{"fail-at", "kill-at"}}
	return made
}

func expectSchema() object {
	return described(mappingSchema(object{
		"exit":    described(exitCodeSchema(), "The exit code of the run."),
		"tree":    object{"anyOf": []any{object{"const": "as before"}, reference("tree")}},
		"exact":   described(object{"type": "boolean"}, "Whether everything that tree does not name is as before."),
		"log":     described(reference("texts"), "Lines of the log hold these texts, in this order."),
		"outputs": described(object{"type": "object"}, "The recipe's outputs."),
		"calls":   described(object{"type": "object", "additionalProperties": reference("texts")}, "All calls of a stand-in, in order."),
	}), "How the case ends.")
}

func exitCodeSchema() object {
	return object{"type": "integer", "minimum": exitCode.min, "maximum": exitCode.max}
}

// treeSchema is a mapping of paths; keys are those that an entry may have.
func treeSchema(rule pathRule, keys []string) object {
	known := object{
		"content":   described(object{"type": "string"}, "A file with that content."),
		"link":      described(object{"type": "string"}, "A symbolic link to that."),
		"hard-link": described(object{"type": "string"}, "Another name of the file at that path."),
		"folder":    described(object{"const": true}, "A directory."),
		"mount":     described(object{"const": true}, "A directory on which a file system is mounted."),
		"absent":    described(object{"const": true}, "Nothing is there."),
		"package":   reference("package"),
		"signature": described(object{"type": "string", "pattern": `^/.`}, "A detached signature over the file at that path; armoured where its own name ends in .asc."),
		"keyring":   described(reference("texts"), "A directory with the public halves of these throw-away keys."),
		"mode":      reference("mode"),
		"signed-by": described(object{"type": "string"}, "The throw-away key that signs a package, or makes a signature."),
	}
	properties := object{}
	for _, key := range keys {
		properties[key] = known[key]
	}
	pattern := `^/.`
	if rule == relativePaths {
		pattern = `^[^/]`
	}
	return object{
		"type": "object", "propertyNames": object{"pattern": pattern},
		"additionalProperties": object{"anyOf": []any{described(object{"type": "string"}, "A file's content."), mappingSchema(properties)}},
	}
}
