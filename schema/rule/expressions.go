package rule

// expressions are the rules about ${{ }} and the guards.
func expressions() []Rule {
	ask := func(guard string) string {
		return recipe("inputs:\n  keep: { type: int, default: 2 }\nsteps:\n  - when: " + guard + "\n    read-link: /opt/firmware/current")
	}
	look := func(argument string) string {
		return step("- id: current\n  read-link: { path: /opt/a, missing: ok }\n- run: { argv: [echo, \"${{ " + argument + " }}\"] }\n  undo: none")
	}
	return []Rule{
		{
			ID: "expression", Summary: "an expression cannot be read",
			Why:   "docs/expressions.md tells how one is written. It compares with ==, joins with and and or, and puts texts in quotes.",
			Wrong: ask("inputs.keep = 2"), Right: ask("inputs.keep == 2"),
		},
		{
			ID: "wrapped-expression", Summary: "a guard is wrapped in ${{ }}",
			Why:   "when, until and retry.when are expressions already. Everywhere else ${{ }} stands around one.",
			Wrong: ask("${{ inputs.keep > 1 }}"), Right: ask("inputs.keep > 1"),
		},
		{
			ID: "old-bool", Summary: "yes, no, on and off are names, not bools",
			Why:   "YAML 1.1 took them for bools; YAML 1.2 and expressions do not.",
			Wrong: recipe("steps:\n  - when: yes\n    read-link: /opt/firmware/current"), Right: recipe("steps:\n  - when: true\n    read-link: /opt/firmware/current"),
		},
		{
			ID: "unknown-name", Summary: "an expression reads what is not there",
			Why: "Names are inputs, vars, facts, host, run and steps.ID, where the step stands above. Each step's outputs are those of its type: " +
				"`gwe steps TYPE` lists them. A text stands in quotes.",
			Wrong: ask("inputs.kep > 1"), Right: ask("inputs.keep > 1"),
		},
		{
			ID: "unknown-function", Summary: "there is no function of that name",
			Why:   "docs/expressions.md lists the functions: those of expr-lang and of sprig, without what is random or reaches clock, network or environment.",
			Wrong: look("basename(steps.current.target ?? '/a/b')"), Right: look("base(steps.current.target ?? '/a/b')"),
		},
		{
			ID: "maybe-absent", Summary: "a value may not be there when it is read",
			Why: "The outputs of a step with when or allow-failure, and all outputs in undo, rescue, failsafe and finally, may be absent, which is not empty. " +
				"Say what then with ??, or make sure before with a when.",
			Wrong: look("steps.current.target"), Right: look("steps.current.target ?? 'none'"),
		},
		{
			ID: "expression-type", Summary: "the types in an expression do not go together",
			Why:   "Everything is typed before anything runs. A version is compared with a version, a size with a size: version(\"1.10\"), size(\"400MiB\").",
			Wrong: ask("inputs.keep == \"2\""), Right: ask("inputs.keep == 2"),
		},
		{
			ID: "secret-exposed", Summary: "a secret is used where people could read it",
			Why:   "Command lines, names, outputs and most arguments can be read by others. Secrets may stand in env, headers, stdin, file contents and arguments of type secret.",
			Wrong: recipe("inputs:\n  token: { type: secret, required: true }\nsteps:\n  - run: { argv: [login, \"${{ inputs.token }}\"] }"),
			Right: recipe("inputs:\n  token: { type: secret, required: true }\nsteps:\n  - run: { argv: [login], env: { TOKEN: \"${{ inputs.token }}\" } }\n    undo: none"),
		},
	}
}
