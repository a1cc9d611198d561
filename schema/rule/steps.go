package rule

// steps are the rules about steps and what stands where.
func steps() []Rule {
	return []Rule{
		{
			ID: "one-action", Summary: "a step has no action, or more than one",
			Why:   "A step does one thing, so that the log, the journal and the undo can name it. Often a dash is missing.",
			Wrong: step("- read-link: /opt/firmware/current\n  disk-space: { path: /opt, at-least: 100MiB }"), Right: step("- read-link: /opt/firmware/current\n- disk-space: { path: /opt, at-least: 100MiB }"),
		},
		{
			ID: "companion", Summary: "a key belongs to another action",
			Why:   "rescue and finally stand beside steps, limit beside parallel, with beside use; in confirm, for stands beside until.",
			Wrong: step("- read-link: /opt/firmware/current\n  limit: 2"), Right: step("- read-link: /opt/firmware/current"),
		},
		{
			ID: "group-not-here", Summary: "a group stands where steps are not undone",
			Why:   "undo, failsafe and finally are plain lists: each of their steps runs, whatever becomes of the one before.",
			Wrong: step("- read-link: /opt/firmware/current\n  undo:\n    - steps:\n        - read-link: /opt/firmware/current"), Right: step("- read-link: /opt/firmware/current\n  undo:\n    - read-link: /opt/firmware/current"),
		},
		{
			ID: "undo-not-here", Summary: "a step that is never undone has an undo",
			Why:   "Steps of undo, failsafe and finally make no frames: nothing would ever run their undo.",
			Wrong: step("- read-link: /opt/firmware/current\n  undo:\n    - read-link: /opt/firmware/current\n      undo: none"), Right: step("- read-link: /opt/firmware/current\n  undo:\n    - read-link: /opt/firmware/current"),
		},
		{
			ID: "effects-not-here", Summary: "effects: none stands where it says nothing, or something wrong",
			Why: "effects: none is the author's word that a run, a hook or a plugin's step only looks. Other step types know their effects, steps of undo, " +
				"failsafe and finally are never undone, and a step without effects has no undo.",
			Wrong: step("- remove: /opt/firmware/old\n  effects: none"), Right: step("- run: { argv: [app, --self-test] }\n  effects: none"),
		},
		{
			ID: "ending-not-here", Summary: "commit or stop stands where it cannot",
			Why: "commit, the point of no return, stands among the steps of the recipe that was started, and stop there or in a group: " +
				"an undo that ended the run would leave the machine in between.",
			Wrong: step("- read-link: /opt/firmware/current\n  undo:\n    - commit: back"), Right: step("- read-link: /opt/firmware/current\n- commit: it is in place"),
		},
		{
			ID: "suspend-not-here", Summary: "reboot, confirm or hand-over stands where a run cannot change its process",
			Why: "The run ends there and continues in another process, often after a boot: all before it is done, and nothing after it is begun. So it stands " +
				"among the steps of the recipe that was started. Where a run is rolled back over a reboot, gwe reboots once more by itself.",
			Wrong: step("- steps:\n    - reboot: { within: 10m }"), Right: step("- reboot: { within: 10m }"),
		},
		{
			ID: "confirm-late", Summary: "a confirm stands after the commit",
			Why:   "What is not confirmed is rolled back, and after the commit nothing is rolled back any more.",
			Wrong: step("- commit: it is in place\n- confirm: { within: 1h }"), Right: step("- confirm: { within: 1h }\n- commit: it is in place"),
		},
		{
			ID: "modifier-not-here", Summary: "commit, stop, reboot, confirm or hand-over has a key that would do nothing",
			Why:   "A commit cannot fail, is not undone, and stands without when: every run that gets there commits. reboot and confirm say themselves how long they wait.",
			Wrong: step("- commit: it is in place\n  timeout: 5m"), Right: step("- commit: it is in place"),
		},
		{
			ID: "second-commit", Summary: "a recipe has two commits",
			Why:   "There is one point of no return: before it all is undone, after it nothing.",
			Wrong: step("- commit: one\n- commit: two"), Right: step("- commit: one"),
		},
		{
			ID: "unreachable", Summary: "a step can never run",
			Why:   "A stop without a when ends every run there.",
			Wrong: step("- stop: nothing to do\n- read-link: /opt/firmware/current"), Right: recipe("inputs:\n  idle: { type: bool, default: false }\nsteps:\n  - when: inputs.idle\n    stop: nothing to do\n  - read-link: /opt/firmware/current"),
		},
		{
			ID: "use-recipe", Summary: "a recipe names another one in a way that cannot be followed",
			Why:   "use names a file beside the recipe, ./other.yaml, or a shipped recipe by its bare name; nothing is fetched from a network.",
			Wrong: step("- use: https://example.org/other.yaml"), Right: step("- read-link: /opt/firmware/current"),
		},
		{
			ID: "use-cycle", Summary: "recipes use each other in a circle",
			Why: "A recipe is compiled whole before anything runs, with all that it uses: a circle has no end. Take the steps that both need into a recipe of their own.",
		},
		{
			ID: "use-input", Summary: "a recipe is used with inputs that it does not have, or without those that it requires",
			Why: "with is checked by the types, the bounds and the names of the inputs of the recipe that is used, as -i is for the one that is started.",
		},
		{
			ID: "use-lock", Summary: "a recipe that locks is used by one that locks nothing",
			Why: "A run takes its locks before its first step, so they are those of the recipe that is started: give that one a lock.",
		},
		{
			ID: "use-facts", Summary: "a recipe that has facts is used",
			Why: "Facts are read before the first step of the recipe that is started. Make them inputs of the recipe that is used, and hand them in.",
		},
		{
			ID: "use-failsafe", Summary: "a recipe that has a failsafe is used by one that has none", Warning: true,
			Why: "Only the run as a whole knows that not everything could be rolled back, so the failsafe is that of the recipe that is started.",
		},
		{
			ID: "for-each", Summary: "for-each goes over what is not a list and no map, or over secrets",
			Why:   "Each element of a list, or entry of a map, is a round. The log and the journal name the items, so they are never secret.",
			Wrong: step("- for-each: ${{ run.id }}\n  read-link: /opt/firmware/current"), Right: step("- for-each: [a, b]\n  read-link: /opt/firmware/${{ item }}"),
		},
	}
}
