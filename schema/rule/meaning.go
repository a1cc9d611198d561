package rule

// meaning are the rules about recipes that are well formed and do not do what their author means. A step may
// allow each of them with a reason.
func meaning() []Rule {
	return []Rule{
		{
			ID: "until-once", Warning: true, Summary: "until stands without retry",
			Why:   "until is asked after each attempt, and false is a failed attempt. Without retry there is one attempt, so nothing is waited for.",
			Wrong: step("- run: { argv: [app, status] }\n  effects: none\n  until: result.stdout == \"ready\""),
			Right: step("- run: { argv: [app, status] }\n  effects: none\n  until: result.stdout == \"ready\"\n  retry: { attempts: 10, delay: 2s }"),
		},
		{
			ID: "timeout-too-short", Summary: "a step waits longer than the time-out around it lets it",
			Why: "The time-out of the step, the group or the recipe ends it first: what the step waits for may still come, and the error names the time-out, " +
				"not what was missing. The same goes for delays of retry.",
			Wrong: step("- wait-for: { tcp: \"127.0.0.1:80\", within: 5m }\n  timeout: 1m"),
			Right: step("- wait-for: { tcp: \"127.0.0.1:80\", within: 5m }\n  timeout: 6m"),
		},
		{
			ID: "check-after-commit", Warning: true, Summary: "a check after the commit rolls nothing back",
			Why:   "The commit is the point of no return. A check that fails after it leaves the new version in place, and the run ends with exit code 7. Check before the commit.",
			Wrong: step("- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n- commit: it is in place\n- wait-for: { http: \"http://127.0.0.1/health\" }"),
			Right: step("- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n- wait-for: { http: \"http://127.0.0.1/health\" }\n- commit: it is in place"),
		},
		{
			ID: "check-ignored", Warning: true, Summary: "a check may fail, and nothing depends on it",
			Why:   "allow-failure lets the run continue. A check whose outputs no later step reads then decides nothing.",
			Wrong: step("- wait-for: { http: \"http://127.0.0.1/health\" }\n  allow-failure: true"),
			Right: step("- wait-for: { http: \"http://127.0.0.1/health\" }"),
		},
		{
			ID: "failure-ignored", Summary: "later steps build on a step that may fail",
			Why: "allow-failure undoes the step and continues. Steps that use what it should have made then act on something old, or on nothing, and the run " +
				"commits that. Guard them by a when, or let the failure count.",
			Wrong: step("- copy: { from: /media/usb/2, to: /opt/app/2 }\n  allow-failure: true\n- swap-link: { link: /opt/app/current, to: /opt/app/2 }"),
			Right: step("- copy: { from: /media/usb/2, to: /opt/app/2 }\n- swap-link: { link: /opt/app/current, to: /opt/app/2 }"),
		},
		{
			ID: "verify-late", Summary: "something is verified after it was used",
			Why:   "What is damaged or forged has done its harm by then.",
			Wrong: step("- copy: { from: /media/usb/app, to: /opt/app/2 }\n- checksum: { path: /media/usb/app, expected: \"abababababababababababababababababababababababababababababababab\" }"),
			Right: step("- checksum: { path: /media/usb/app, expected: \"abababababababababababababababababababababababababababababababab\" }\n- copy: { from: /media/usb/app, to: /opt/app/2 }"),
		},
		{
			ID: "keys-from-package", Summary: "the trusted keys come out of a package",
			Why:   "Who makes a package chooses what is in it. Keys that a package brings vouch for whatever its maker signs, also for the next package.",
			Wrong: step("- id: fw\n  unpack: { package: /media/usb/a.tar.zst.gpg, keyring: /etc/gwe/keys, into: /opt/app }\n- verify: { package: /media/usb/b.tar.zst.gpg, keyring: \"${{ steps.fw.path }}/keys\" }"),
			Right: step("- unpack: { package: /media/usb/a.tar.zst.gpg, keyring: /etc/gwe/keys, into: /opt/app }\n- verify: { package: /media/usb/b.tar.zst.gpg, keyring: /etc/gwe/keys }"),
		},
		{
			ID: "switch-early", Summary: "a link leads to what only a later step makes, or to itself",
			Why:   "In between, and after a power cut there, programs find nothing.",
			Wrong: step("- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n- copy: { from: /media/usb/2, to: /opt/app/2 }"),
			Right: step("- copy: { from: /media/usb/2, to: /opt/app/2 }\n- swap-link: { link: /opt/app/current, to: /opt/app/2 }"),
		},
		{
			ID: "switch-after-commit", Summary: "the release is switched after the commit",
			Why: "A failure after the commit undoes the steps after it, the switch too, and the run ends with exit code 7, which says that the new version is in place. " +
				"Let the commit stand after the switch and after the check.",
			Wrong: step("- copy: { from: /media/usb/2, to: /opt/app/2 }\n- commit: it is in place\n- swap-link: { link: /opt/app/current, to: /opt/app/2 }"),
			Right: step("- copy: { from: /media/usb/2, to: /opt/app/2 }\n- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n- commit: it is in place"),
		},
		{
			ID: "read-after-switch", Summary: "an undo reads a link that was read after the switch",
			Why:   "Undo steps read what was found going forward. A link that is read after it was switched names the new release.",
			Wrong: step("- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n- id: old\n  read-link: /opt/app/current\n- run: { argv: [app, begin] }\n  undo:\n    - when: steps.old.found\n      hook: { script: resume, dir: \"${{ steps.old.target }}\" }"),
			Right: step("- id: old\n  read-link: /opt/app/current\n- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n- run: { argv: [app, begin] }\n  undo:\n    - when: steps.old.found\n      hook: { script: resume, dir: \"${{ steps.old.target }}\" }"),
		},
		{
			ID: "restart-early", Warning: true, Summary: "a program is restarted before the switch, and not after it",
			Why:   "It starts the old release once more, and runs that on after the switch.",
			Wrong: step("- run: { argv: [systemctl, restart, app] }\n  undo-last:\n    - run: { argv: [systemctl, restart, app] }\n- swap-link: { link: /opt/app/current, to: /opt/app/2 }"),
			Right: step("- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n- run: { argv: [systemctl, restart, app] }\n  undo-last:\n    - run: { argv: [systemctl, restart, app] }"),
		},
		{
			ID: "check-early", Warning: true, Summary: "a check looks at a program before that is restarted",
			Why:   "The old program answers, and says that all is well.",
			Wrong: step("- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n- wait-for: { http: \"http://127.0.0.1/health\" }\n- run: { argv: [systemctl, restart, app] }\n  undo-last:\n    - run: { argv: [systemctl, restart, app] }"),
			Right: step("- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n- run: { argv: [systemctl, restart, app] }\n  undo-last:\n    - run: { argv: [systemctl, restart, app] }\n- wait-for: { http: \"http://127.0.0.1/health\" }"),
		},
		{
			ID: "finally-removes", Summary: "finally removes what the new version needs",
			Why:   "finally runs at the end, good or bad. What a good run leaves on purpose, the undo of its step takes away after a bad one.",
			Wrong: recipe("steps:\n  - copy: { from: /media/usb/2, to: /opt/app/2 }\n  - swap-link: { link: /opt/app/current, to: /opt/app/2 }\nfinally:\n  - remove: { path: /opt/app/2, missing: ok }"),
			Right: recipe("steps:\n  - copy: { from: /media/usb/2, to: /opt/app/2 }\n  - swap-link: { link: /opt/app/current, to: /opt/app/2 }\nfinally:\n  - remove: { path: /tmp/app-2.tar, missing: ok }"),
		},
		{
			ID: "failsafe-removed", Summary: "a step removes what the failsafe needs",
			Why:   "The failsafe is for the day on which an undo fails, in this run or in a later one. What it leads to must be there then.",
			Wrong: recipe("steps:\n  - swap-link: { link: /opt/app/current, to: /opt/app/2 }\n  - commit: it is in place\n  - remove: /opt/app/safe\nfailsafe:\n  - swap-link: { link: /opt/app/current, to: /opt/app/safe }"),
			Right: recipe("steps:\n  - swap-link: { link: /opt/app/current, to: /opt/app/2 }\n  - commit: it is in place\n  - remove: /opt/app/old\nfailsafe:\n  - swap-link: { link: /opt/app/current, to: /opt/app/safe }"),
		},
		{
			ID: "protect-nothing", Warning: true, Summary: "a protected name is not in the directory",
			Why:   "protect takes names in dir, and paths. A name that is nowhere in dir protects nothing.",
			Wrong: step("- swap-link: { link: /opt/app/current, to: /opt/app/releases/2 }\n- prune: { dir: /opt/app/releases, keep: 2, protect: [current] }"),
			Right: step("- swap-link: { link: /opt/app/current, to: /opt/app/releases/2 }\n- prune: { dir: /opt/app/releases, keep: 2, protect: [/opt/app/current] }"),
		},
		{
			ID: "rounds-one-path", Summary: "the rounds of a for-each write one path",
			Why:   "Each round overwrites what the one before wrote: only the last one stays.",
			Wrong: step("- for-each: [a, b]\n  write: { path: /etc/app.conf, content: \"${{ item }}\" }"),
			Right: step("- for-each: [a, b]\n  write: { path: \"/etc/app-${{ item }}.conf\", content: \"${{ item }}\" }"),
		},
		{
			ID: "secret-readable", Summary: "every user of the machine can read a secret",
			Why: "The last digit of the mode says what every user of the machine may do with the file. Leave the mode out, and a file with a secret in it " +
				"gets 0600; name a group by owner and 0640 for a program that runs as another user. Where every user shall read it, say why: " +
				"allow: { secret-readable: REASON }.",
			Wrong: recipe("inputs:\n  token: { type: secret, required: true }\nsteps:\n  - write: { path: /etc/app.token, content: \"${{ inputs.token }}\", mode: \"0644\" }"),
			Right: recipe("inputs:\n  token: { type: secret, required: true }\nsteps:\n  - write: { path: /etc/app.token, content: \"${{ inputs.token }}\" }"),
		},
		{
			ID: "world-writable", Warning: true, Summary: "every user of the machine may write here",
			Why:   "Any program on the machine could change what the next step, or the next boot, runs.",
			Wrong: step("- mkdir: { path: /opt/app, mode: \"0777\" }"), Right: step("- mkdir: { path: /opt/app, mode: \"0755\" }"),
		},
		{
			ID: "shared-file", Summary: "the mode of a file is changed that two releases may share",
			Why: "With link-dest, files that did not change are hard links: one file with two names. A change of its mode changes the running release, and the " +
				"commit is refused.",
			Wrong: step("- id: fw\n  unpack: { package: /media/usb/a.tar.zst.gpg, keyring: /etc/gwe/keys, into: /opt/app, link-dest: /opt/app/current }\n- chmod: { path: \"${{ steps.fw.path }}/run\", mode: \"0755\" }"),
			Right: step("- id: fw\n  unpack: { package: /media/usb/a.tar.zst.gpg, keyring: /etc/gwe/keys, into: /opt/app }\n- chmod: { path: \"${{ steps.fw.path }}/run\", mode: \"0755\" }"),
		},
		{
			ID: "relative-program", Summary: "a program is named from a directory that the recipe does not name",
			Why:   "A name with a slash is looked for from dir, and without dir from /. A name without a slash is looked for in PATH.",
			Wrong: step("- run: { argv: [./install.sh] }\n  effects: none"), Right: step("- run: { argv: [./install.sh], dir: /opt/app }\n  effects: none"),
		},
		{
			ID: "reboot-unchecked", Summary: "a boot setting was changed, and nothing asks what came up",
			Why:   "A boot loader that does not like the new system falls back to the old one. Without expect that looks like a reboot that went well.",
			Wrong: step("- run: { argv: [fw_setenv, slot, b] }\n  undo:\n    - run: { argv: [fw_setenv, slot, a] }\n- reboot: { within: 10m }"),
			Right: recipe("facts:\n  slot: { type: string, file: /run/slot }\nsteps:\n  - run: { argv: [fw_setenv, slot, b] }\n    undo:\n      - run: { argv: [fw_setenv, slot, a] }\n  - reboot: { within: 10m, expect: facts.slot == \"b\" }"),
		},
		{
			ID: "reboot-after-commit", Warning: true, Summary: "the machine reboots after the commit",
			Why:   "A machine that does not come up well is not rolled back then. Reboot, look, and then commit.",
			Wrong: step("- write: { path: /etc/app.conf, content: a }\n- commit: it is in place\n- reboot: { within: 10m }"),
			Right: step("- write: { path: /etc/app.conf, content: a }\n- reboot: { within: 10m }\n- commit: it is in place"),
		},
		{
			ID: "stopped-for-good", Warning: true, Summary: "a program is stopped and not started again",
			Why:   "The undo starts it after a failure. After a good end nothing does.",
			Wrong: step("- run: { argv: [systemctl, stop, app] }\n  undo:\n    - run: { argv: [systemctl, start, app] }\n- write: { path: /etc/app.conf, content: a }"),
			Right: step("- run: { argv: [systemctl, stop, app] }\n  undo:\n    - run: { argv: [systemctl, start, app] }\n- write: { path: /etc/app.conf, content: a }\n- run: { argv: [systemctl, start, app] }\n  undo:\n    - run: { argv: [systemctl, stop, app] }"),
		},
		{
			ID: "guard-decided", Summary: "the limits of the inputs decide a guard",
			Why: "An input's enum, min and max say which values it may have, and a group of values such as error is never nil, only its members are. A when that is false for all of them never lets its step run; one that is true for " +
				"all of them guards nothing, which is a warning.",
			Wrong: recipe("inputs:\n  keep: { type: int, default: 2, min: 1 }\nsteps:\n  - when: inputs.keep < 1\n    read-link: /opt/app/current"),
			Right: recipe("inputs:\n  keep: { type: int, default: 2, min: 0 }\nsteps:\n  - when: inputs.keep < 1\n    read-link: /opt/app/current"),
		},
	}
}
