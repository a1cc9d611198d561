package rule

// values are the rules about what keys and arguments hold.
func values() []Rule {
	return []Rule{
		{
			ID: "unknown-argument", Summary: "a step type has no argument of that name",
			Why:   "`gwe steps TYPE` lists the arguments. Keys of the step, timeout say, stand beside the type, not below it.",
			Wrong: step("- remove: { pth: /opt/a }"), Right: step("- remove: { path: /opt/a }"),
		},
		{
			ID: "missing-argument", Summary: "a step type lacks an argument",
			Why:   "`gwe steps TYPE` says which ones are required.",
			Wrong: step("- swap-link: { link: /opt/a }"), Right: step("- swap-link: { link: /opt/a, to: /opt/b }"),
		},
		{
			ID: "one-of", Summary: "two arguments exclude each other",
			Why:   "Only one of them can be meant.",
			Wrong: step("- run: { argv: [sync], script: sync }"), Right: step("- run: { script: sync }\n  undo: none"),
		},
		{
			ID: "argument-alone", Summary: "an argument says nothing without another one",
			Why:   "What would do nothing is refused: it is a mistake, or becomes one.",
			Wrong: step("- wait-for: { tcp: \"localhost:80\", status: [200] }"), Right: step("- wait-for: { http: \"http://localhost\", status: [200] }"),
		},
		{
			ID: "argument-form", Summary: "a text has not the form that the argument wants",
			Why:   "A mode is octal digits, an address has a port, a hook's script is a name below its directory: the hint says which.",
			Wrong: step("- chmod: { path: /opt/a, mode: rw-r--r-- }"), Right: step("- chmod: { path: /opt/a, mode: \"0644\" }"),
		},
		{
			ID: "wrong-type", Summary: "a value is of another type than wanted",
			Why: "YAML reads 5 as a number, yes as a text and 0644 as an odd number. Text that looks like something else stands in quotes, " +
				"bools are true and false, durations and sizes have units.",
			Wrong: step("- run: { argv: [sleep, 5] }"), Right: step("- run: { argv: [sleep, \"5\"] }\n  undo: none"),
		},
		{
			ID: "number-text", Summary: "a number would be another text when it is written back",
			Why: "Where any value may stand (vars, for-each, outputs, the values of a template, tests) a version may be meant: as a number 1.10 is 1.1, and 1.0 is 1. " +
				"Text stands in quotes.",
			Wrong: step("- template: { from: /opt/a.tmpl, to: /opt/a, values: { version: 1.10 } }"),
			Right: step("- template: { from: /opt/a.tmpl, to: /opt/a, values: { version: \"1.10\" } }"),
		},
		{
			ID: "enum", Summary: "a value is not one of the accepted ones",
			Why:   "The message lists them.",
			Wrong: step("- remove: { path: /opt/a, missing: ignore }"), Right: step("- remove: { path: /opt/a, missing: ok }"),
		},
		{
			ID: "bounds", Summary: "a number is too small or too big",
			Why:   "The message says what is accepted.",
			Wrong: step("- prune: { dir: /opt/firmware, keep: 0 }"), Right: step("- prune: { dir: /opt/firmware, keep: 1 }"),
		},
		{
			ID: "relative-path", Summary: "a path does not begin at the root",
			Why: "A run may be recovered from anywhere, where a relative path would mean another place. Paths that a user gives are inputs of type path: " +
				"gwe makes them absolute when the run starts.",
			Wrong: step("- mkdir: { path: opt/firmware }"), Right: step("- mkdir: { path: /opt/firmware }"),
		},
		{
			ID: "shell-syntax", Summary: "no shell reads this",
			Why: "Arguments are handed over as they are: $HOME, ~, | and > mean nothing outside of run.script. Elements of argv that look like it are warned of; " +
				"in a path it is refused.",
			Wrong: step("- mkdir: { path: \"$HOME/app\" }"), Right: step("- mkdir: { path: \"/home/app\" }"),
		},
		{
			ID: "secret-literal", Summary: "a secret stands in the recipe",
			Why:   "Whoever can read the recipe can read it. Declare an input of type secret; it is given by a file, a variable or a descriptor.",
			Wrong: step("- verify: { package: /tmp/a, keyring: /etc/gwe/keys, passphrase: hunter2 }"),
			Right: recipe("inputs:\n  passphrase: { type: secret, required: true }\nsteps:\n  - verify: { package: /tmp/a, keyring: /etc/gwe/keys, passphrase: \"${{ inputs.passphrase }}\" }"),
		},
	}
}
