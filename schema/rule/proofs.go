package rule

// proofs are the rules about what could leave the machine between the old version and the new one. A step may
// allow each of them with a reason, but for the last.
func proofs() []Rule {
	return []Rule{
		{
			ID: "undo-missing", Summary: "a change before the commit that nothing undoes",
			Why: "gwe cannot know how to take back what a program did. Say it with undo, say effects: none if it only looks, or own it with undo: none, " +
				"which costs the rollback by hand; or put the step after the commit, where nothing is undone.",
			Wrong: step("- run: { argv: [app, pause] }"),
			Right: step("- run: { argv: [app, pause] }\n  undo:\n    - run: { argv: [app, resume] }"),
		},
		{
			ID: "undo-too-early", Summary: "an undo makes a program take up what is on disk before that is undone",
			Why: "Undos run newest first. A restart in an undo runs while the older change (the link, the file) is still new: the program starts the new version " +
				"once more, then the change is undone, and the new version runs on. undo-last runs when everything older was undone.",
			Wrong: step("- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n- run: { argv: [systemctl, restart, app] }\n  undo:\n    - run: { argv: [systemctl, restart, app] }"),
			Right: step("- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n- run: { argv: [systemctl, restart, app] }\n  undo-last:\n    - run: { argv: [systemctl, restart, app] }"),
		},
		{
			ID: "refresh-not-undone", Summary: "a program takes up a change, and nothing tells it when that is undone",
			Why: "After a failure the old version is back on disk, and the program still runs the new one. undo: none and effects: none are wrong for a restart or a " +
				"reload; give it an undo-last.",
			Wrong: step("- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n- run: { argv: [systemctl, restart, app] }\n  undo: none"),
			Right: step("- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n- run: { argv: [systemctl, restart, app] }\n  undo-last:\n    - run: { argv: [systemctl, restart, app] }"),
		},
		{
			ID: "rollback-lost", Note: true, Summary: "a step that cannot be undone costs the rollback by hand",
			Why:   "undo: none means that nothing can undo the step. When the run has committed, gwe rollback refuses it as a whole. A step that only looks says effects: none.",
			Wrong: step("- run: { argv: [app, migrate] }\n  undo: none"), Right: step("- run: { argv: [app, self-test] }\n  effects: none"),
		},
		{
			ID: "undo-destroyed", Summary: "a step removes for good what an earlier step's undo needs",
			Why:   "After the commit, and in an undo, what a remove takes is gone: the undo that needs it would find nothing. Remove something else, or later.",
			Wrong: step("- run: { argv: [app, pause] }\n  undo:\n    - hook: { script: start, dir: /opt/old }\n- commit: it is in place\n- remove: /opt/old"),
			Right: step("- run: { argv: [app, pause] }\n  undo:\n    - hook: { script: start, dir: /opt/old }\n- commit: it is in place"),
		},
		{
			ID: "output-unset", Summary: "an output is made of a step that never runs",
			Why:   "It would be absent after every run.",
			Wrong: step("- id: look\n  when: false\n  read-link: /opt/app/current") + "outputs:\n  target: ${{ steps.look.target ?? '' }}\n",
			Right: step("- id: look\n  read-link: /opt/app/current") + "outputs:\n  target: ${{ steps.look.target ?? '' }}\n",
		},
		{
			ID: "lock-uncovered", Summary: "a step changes a path that no lock of the recipe covers",
			Why: "A lock covers its directory and all that lies in it, by whatever path. What no lock covers, two runs can change at the same time, what a dead run of another " +
				"state directory owes there is not known, and a rollback by hand can take a later run's work along. Add the path, or a directory above it, to lock.",
			Wrong: recipe("lock: /opt/app\nsteps:\n  - write: { path: /etc/app.conf, content: a }"),
			Right: recipe("lock: [/opt/app, /etc/app.conf]\nsteps:\n  - write: { path: /etc/app.conf, content: a }"),
		},
		{
			ID: "parallel-conflict", Summary: "two branches change one path at the same time",
			Why:   "Which one wins is chance, and so is what their undos find. Put the steps one after the other.",
			Wrong: step("- parallel:\n    - write: { path: /etc/app.conf, content: a }\n    - write: { path: /etc/app.conf, content: b }"),
			Right: step("- write: { path: /etc/app.conf, content: b }"),
		},
		{
			ID: "unused-name", Warning: true, Summary: "nothing reads an input, a variable, a fact, or the outputs of a step with an id",
			Why: "What is asked for and changes nothing misleads whoever gives it, and a name that is misspelt where it is read hides so. An id is for expressions and " +
				"for tests (fail-at, kill-at); what people read stands in name. gwe validate says so, and no other command.",
			Wrong: recipe("inputs:\n  keep: { type: int, default: 2 }\nsteps:\n  - prune: { dir: /opt/app, keep: 3 }"),
			Right: recipe("inputs:\n  keep: { type: int, default: 2 }\nsteps:\n  - prune: { dir: /opt/app, keep: \"${{ inputs.keep }}\" }"),
		},
		{
			ID: "allow-unneeded", Warning: true, Summary: "a step allows what it does not do",
			Why:   "An allowance that is left over would hide the next mistake.",
			Wrong: step("- read-link: /opt/app/current\n  allow: { undo-missing: it was a program once }"), Right: step("- read-link: /opt/app/current"),
		},
		{
			ID: "unknown-rule", Summary: "a step allows a rule that does not exist",
			Why:   "`gwe explain` lists the rules; those that a step may allow are about what could leave the machine in between.",
			Wrong: step("- read-link: /opt/app/current\n  allow: { undo-mising: it is a cache }"), Right: step("- read-link: /opt/app/current"),
		},
	}
}
