package rule

// tests are the rules about files of tests, NAME.test.yaml. They have no examples: it takes a recipe and its
// tests to break one.
func tests() []Rule {
	return []Rule{
		{
			ID: "duplicate-name", Summary: "two cases of a recipe's tests have one name",
			Why: "gwe test --run chooses a case by its name, and a report names a case by it. Give each its own.",
		},
		{
			ID: "unknown-input", Summary: "a case gives an input that the recipe does not have",
			Why: "The run that the case stands for would be refused before its first step. `gwe run RECIPE --help` lists the inputs.",
		},
		{
			ID: "wrong-input", Summary: "a case gives an input a value that the recipe does not accept",
			Why: "Inputs of a case are checked as those of a run: by the type, the enum, the pattern and the bounds that the recipe declares. " +
				"Such a run would be refused before its first step.",
		},
		{
			ID: "missing-input", Summary: "a case leaves out an input that the recipe requires",
			Why: "Add it to the inputs of the case, or to those above the cases, which every case has.",
		},
		{
			ID: "unknown-output", Summary: "a case expects an output that the recipe does not have",
			Why: "The expectation could never hold. A recipe's outputs are what it lists under outputs:, not those of its steps.",
		},
		{
			ID: "unknown-stand-in", Summary: "a case expects calls of a program for which nothing stands in",
			Why: "Only stand-ins write down how they were called. Add the program to stand-ins, or leave it out of calls.",
		},
	}
}
