package rule

// grammar are the rules about the recipe as a whole.
func grammar() []Rule {
	return []Rule{
		{
			ID: "grammar-version", Summary: "the recipe does not say which grammar it is written in",
			Why:   "gwe: 1 stands on top, so that a gwe of another time knows whether it understands the recipe.",
			Wrong: "name: example\nsteps:\n  - read-link: /opt/firmware/current\n", Right: step("- read-link: /opt/firmware/current"),
		},
		{
			ID: "not-in-this-version", Summary: "this gwe does not know that yet",
			Why: "The word belongs to the language, but this version cannot carry it out. The hint says what to do until then.",
		},
		{
			ID: "missing-key", Summary: "a key that must be there is not",
			Why:   "A recipe has a name and steps, an input a type, a retry a number of attempts.",
			Wrong: "gwe: 1\nsteps:\n  - read-link: /opt/firmware/current\n", Right: step("- read-link: /opt/firmware/current"),
		},
		{
			ID: "unknown-key", Summary: "a mapping has a key that it cannot have",
			Why:   "A misspelt key that is passed over is a guard that does not guard. An argument of a step type stands below the type, not beside it.",
			Wrong: step("- wehn: true\n  read-link: /opt/firmware/current"), Right: step("- when: true\n  read-link: /opt/firmware/current"),
		},
		{
			ID: "key-not-here", Summary: "a key makes no sense at this place",
			Why:   "min and max belong to types with an order, pattern to types that are text, and so on; what would do nothing is refused.",
			Wrong: with("inputs:\n  force: { type: bool, default: false, min: 1 }", "${{ inputs.force }}"), Right: with("inputs:\n  force: { type: bool, default: false }", "${{ inputs.force }}"),
		},
		{
			ID: "name", Summary: "the recipe's name does not fit into a file name",
			Why:   "The name becomes part of file names and log lines: 1 to 64 letters, digits, dots, dashes and underscores. What people read stands in summary.",
			Wrong: "gwe: 1\nname: gateway ota\nsteps:\n  - read-link: /opt/firmware/current\n", Right: "gwe: 1\nname: gateway-ota\nsteps:\n  - read-link: /opt/firmware/current\n",
		},
		{
			ID: "identifier", Summary: "a name cannot be read by an expression",
			Why:   "Ids, inputs, variables and outputs are made of a-z, 0-9 and _, and start with a letter. In an expression a dash is a minus.",
			Wrong: step("- id: old-release\n  read-link: /opt/firmware/current\n- run: { argv: [app, --check] }\n  effects: none"),
			Right: step("- id: old_release\n  read-link: /opt/firmware/current\n- run: { argv: [app, --check, \"${{ steps.old_release.target ?? '' }}\"] }\n  effects: none"),
		},
		{
			ID: "duplicate-id", Summary: "two steps have one id",
			Why:   "An id is unique in the whole recipe, undo, rescue, failsafe and finally included: steps.ID must mean one step.",
			Wrong: step("- { id: look, read-link: /opt/a }\n- { id: look, read-link: /opt/b }"), Right: step("- { id: look, read-link: /opt/a }\n- { id: look_again, read-link: /opt/b }\n- run: { argv: [app, --compare, \"${{ steps.look.target ?? '' }}\", \"${{ steps.look_again.target ?? '' }}\"] }\n  effects: none"),
		},
		{
			ID: "no-steps", Summary: "a list of steps is empty",
			Why:   "It would do nothing and say that all is well.",
			Wrong: recipe("steps: []"), Right: step("- read-link: /opt/firmware/current"),
		},
		{
			ID: "no-value", Summary: "a key has no value",
			Why:   "An empty value may be a forgotten one. Give it one, or leave the key out.",
			Wrong: step("- read-link: /opt/firmware/current\n  timeout:"), Right: step("- read-link: /opt/firmware/current\n  timeout: 5m"),
		},
		{
			ID: "wrong-shape", Summary: "a list, a mapping or a plain value stands where another one is wanted",
			Why:   "steps, undo and failsafe are lists whose elements start with a dash; a step type's arguments are a mapping.",
			Wrong: recipe("steps:\n  read-link: /opt/firmware/current"), Right: step("- read-link: /opt/firmware/current"),
		},
		{
			ID: "literal-only", Summary: "${{ }} stands where only a fixed text may",
			Why: "Ids, keys, defaults and settings are known before anything runs. In run.script a value would be executed as code: " +
				"hand it over by env and use it as \"$NAME\".",
			Wrong: recipe("inputs:\n  dir: { type: path, required: true }\nsteps:\n  - run: { script: \"ls ${{ inputs.dir }}\" }"),
			Right: recipe("inputs:\n  dir: { type: path, required: true }\nsteps:\n  - run: { script: 'ls \"$DIR\"', env: { DIR: \"${{ inputs.dir }}\" } }\n    undo: none"),
		},
		{
			ID: "braces", Summary: "{{ }} without a dollar, or without quotes",
			Why:   "An expression is written ${{ }}. Without the dollar it is plain text; without quotes YAML reads the braces as a mapping.",
			Wrong: recipe("inputs:\n  word: { type: string, default: a }\nsteps:\n  - run: { argv: [echo, \"{{ inputs.word }}\"] }\n    undo: none"),
			Right: recipe("inputs:\n  word: { type: string, default: a }\nsteps:\n  - run: { argv: [echo, \"${{ inputs.word }}\"] }\n    undo: none"),
		},
		{
			ID: "fact-source", Summary: "a fact has no source, or more than one",
			Why:   "A fact is read once, at the start of the run, from one command or one file.",
			Wrong: with("facts:\n  board: { type: string }", "${{ facts.board }}"), Right: with("facts:\n  board: { type: string, file: /etc/board }", "${{ facts.board }}"),
		},
		{
			ID: "fact-secret", Summary: "a fact would hold a secret",
			Why:   "Facts are printed and journaled. A secret is an input of type secret.",
			Wrong: with("facts:\n  key: { type: secret, file: /etc/gwe/token }", "${{ facts.key }}"), Right: with("inputs:\n  key: { type: secret, required: true }", "${{ inputs.key }}"),
		},
		{
			ID: "path", Summary: "a path in a recipe's tests could mean another one",
			Why: "The steps of a test see a root of their own: what it lays out and expects stands there.",
		},
	}
}
