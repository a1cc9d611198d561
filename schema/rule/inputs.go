package rule

// inputs are the rules about what a recipe asks for.
func inputs() []Rule {
	return []Rule{
		{
			ID: "type", Summary: "there is no such type",
			Why:   "The types are string, int, bool, float, duration, size, path, url, version, secret, list<T> and map<T>.",
			Wrong: with("inputs:\n  keep: { type: number, default: 2 }", "${{ inputs.keep }}"), Right: with("inputs:\n  keep: { type: int, default: 2 }", "${{ inputs.keep }}"),
		},
		{
			ID: "required-or-default", Summary: "an input is neither required nor has a default, or both",
			Why:   "It must be clear what holds where it is not given.",
			Wrong: with("inputs:\n  keep: { type: int }", "${{ inputs.keep }}"), Right: with("inputs:\n  keep: { type: int, default: 2 }", "${{ inputs.keep }}"),
		},
		{
			ID: "default", Summary: "a default is not what the input itself accepts",
			Why:   "The default would be refused by its own enum, pattern, min or max.",
			Wrong: with("inputs:\n  keep: { type: int, min: 1, default: 0 }", "${{ inputs.keep }}"), Right: with("inputs:\n  keep: { type: int, min: 1, default: 1 }", "${{ inputs.keep }}"),
		},
		{
			ID: "secret-default", Summary: "a secret has a default",
			Why:   "Whoever can read the recipe can read it. Only an empty one may stand there, which means none.",
			Wrong: with("inputs:\n  token: { type: secret, default: hunter2 }", "${{ inputs.token }}"), Right: with("inputs:\n  token: { type: secret, required: true }", "${{ inputs.token }}"),
		},
		{
			ID: "pattern", Summary: "a pattern is not a regular expression",
			Why:   "The syntax is RE2's: it cannot look ahead or behind. In double quotes every backslash is written twice.",
			Wrong: with("inputs:\n  channel: { type: string, default: a, pattern: \"(a|b\" }", "${{ inputs.channel }}"), Right: with("inputs:\n  channel: { type: string, default: a, pattern: \"(a|b)\" }", "${{ inputs.channel }}"),
		},
	}
}
