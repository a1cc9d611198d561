package rule

// files are the rules about a file before anything in it is looked at.
func files() []Rule {
	return []Rule{
		{
			ID: "syntax", Summary: "the file is not YAML",
			Why: "A recipe is one YAML document. Most often it is an indentation, a quote, a bracket or a comma; the message says which. " +
				"YAML takes some characters for its own: a value that starts with @ or %, or that holds a colon and a blank, stands in quotes.",
			Wrong: step("- name: Install: the release\n  read-link: /opt/firmware/current"),
			Right: step("- name: \"Install: the release\"\n  read-link: /opt/firmware/current"),
		},
		{
			ID: "empty-file", Summary: "the file holds no recipe",
			Why:   "A file of nothing but comments would run nothing and say that all is well.",
			Wrong: "# later\n", Right: step("- read-link: /opt/firmware/current"),
		},
		{
			ID: "second-document", Summary: "the file holds a second YAML document",
			Why:   "Only the first one would run, without notice. Each recipe has a file of its own.",
			Wrong: step("- read-link: /opt/firmware/current") + "---\n" + step("- read-link: /opt/firmware/current"),
			Right: step("- read-link: /opt/firmware/current"),
		},
		{
			ID: "encoding", Summary: "the file is not UTF-8",
			Why: "A recipe is UTF-8 without a byte order mark, so that every tool reads the same text.",
		},
		{
			ID: "character", Summary: "a character is not what it looks like",
			Why: "Control characters, characters that turn the direction of writing, dashes and blanks that only look like those of the keyboard: " +
				"a person would read another recipe than gwe does.",
		},
		{
			ID: "too-large", Summary: "the recipe is larger than anybody writes",
			Why: "A recipe has at most 1 MiB, 10,000 steps and 200,000 values, aliases counted as often as they are used, so that no file can exhaust a device. " +
				"Long texts belong into files that the package carries.",
		},
		{
			ID: "too-deep", Summary: "the recipe is nested deeper than anybody writes",
			Why: "At most 100 levels, so that no file can exhaust a device.",
		},
		{
			ID: "too-many-problems", Summary: "there are more than 1000 problems",
			Why: "The rest is not shown. Put the first ones right: often one of them is the cause of many.",
		},
		{
			ID: "tag", Summary: "YAML takes a value that starts with ! for a tag",
			Why:   "A negation is written with not; a text that starts with ! stands in quotes. Tags of other tools (!include, !vault) mean nothing here.",
			Wrong: recipe("inputs:\n  force: { type: bool, default: false }\nsteps:\n  - when: !inputs.force\n    read-link: /opt/firmware/current"),
			Right: recipe("inputs:\n  force: { type: bool, default: false }\nsteps:\n  - when: not inputs.force\n    read-link: /opt/firmware/current"),
		},
		{
			ID: "comment", Summary: "YAML takes a part of an expression for a comment",
			Why:   "A # after a blank begins a comment, also in the middle of an expression. Put the whole value in quotes.",
			Wrong: recipe("inputs:\n  ports: { type: list<int>, default: [] }\nsteps:\n  - when: all(inputs.ports, # > 1024)\n    read-link: /opt/firmware/current"),
			Right: recipe("inputs:\n  ports: { type: list<int>, default: [] }\nsteps:\n  - when: \"all(inputs.ports, # > 1024)\"\n    read-link: /opt/firmware/current"),
		},
		{
			ID: "merge-key", Summary: "merge keys (<<) are not accepted",
			Why:   "Readers of YAML disagree on what they mean. Write the keys out, or use an alias for a whole value.",
			Wrong: with("vars:\n  one: &one { a: b }\n  two: { <<: *one }", "${{ toJson(vars.one) }} ${{ toJson(vars.two) }}"),
			Right: with("vars:\n  one: &one { a: b }\n  two: *one", "${{ toJson(vars.one) }} ${{ toJson(vars.two) }}"),
		},
		{
			ID: "alias-loop", Summary: "an anchor holds itself",
			Why:   "Its value would have no end.",
			Wrong: with("vars:\n  a: &a [one, *a]", "${{ toJson(vars.a) }}"), Right: with("vars:\n  a: &a [one]\n  b: *a", "${{ toJson(vars.a) }} ${{ toJson(vars.b) }}"),
		},
		{
			ID: "duplicate-key", Summary: "a key stands in one mapping twice",
			Why:   "YAML would take the last one without a word.",
			Wrong: step("- name: One\n  name: Two\n  read-link: /opt/firmware/current"), Right: step("- name: Two\n  read-link: /opt/firmware/current"),
		},
		{
			ID: "key", Summary: "a key is not a string",
			Why:   "YAML reads 1 and true as a number and a bool, and [a, b] as a list. As a key each of them stands in quotes.",
			Wrong: with("vars:\n  limits: { 1: low }", "${{ toJson(vars.limits) }}"), Right: with("vars:\n  limits: { \"1\": low }", "${{ toJson(vars.limits) }}"),
		},
	}
}
