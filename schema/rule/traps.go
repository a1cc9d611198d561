package rule

// traps are the rules about what people get wrong in a step of its own: each of them is well formed, and ends
// otherwise than its author thinks. A step may allow each of them with a reason.
func traps() []Rule {
	restart := "- run: { argv: [systemctl, restart, app] }\n  undo-last:\n    - run: { argv: [systemctl, restart, app] }"
	return []Rule{
		{
			ID: "no-shell", Summary: "a pattern or a variable stands where no shell replaces it",
			Why: "Paths, argv and env are handed over as they are. A * in a path is part of a name, and $PATH in env is four letters and a dollar. In argv and env it is a " +
				"warning, since a program may read them itself.",
			Wrong: step("- remove: { path: \"/var/cache/app/*.tmp\", missing: ok }"),
			Right: step("- for-each: [a, b]\n  remove: { path: \"/var/cache/app/${{ item }}.tmp\", missing: ok }"),
		},
		{
			ID: "shell-builtin", Summary: "a command of the shell changes nothing for later steps",
			Why:   "Each step is a process of its own: the directory that it goes to and the variables that it exports end with it. Use dir and env of the step that needs them.",
			Wrong: step("- run: { script: cd /opt/app }\n  effects: none\n- run: { argv: [app, --self-test] }\n  effects: none"),
			Right: step("- run: { argv: [app, --self-test], dir: /opt/app }\n  effects: none"),
		},
		{
			ID: "check-nothing", Warning: true, Summary: "a check compares nothing, and nothing reads what it found",
			Why:   "A checksum without a digest, a disk-space without an amount, or a wait for what the recipe made itself can only end well.",
			Wrong: step("- checksum: /media/usb/app.bin\n- copy: { from: /media/usb/app.bin, to: /opt/app.bin }"),
			Right: step("- checksum: { path: /media/usb/app.bin, sums: /media/usb/SHA256SUMS }\n- copy: { from: /media/usb/app.bin, to: /opt/app.bin }"),
		},
		{
			ID: "check-late", Warning: true, Summary: "the space is asked for when it is used already",
			Why:   "Where it was too little, the step that used it has failed before.",
			Wrong: step("- copy: { from: /media/usb/2, to: /opt/app/2 }\n- disk-space: { path: /opt, at-least: 400MiB }"),
			Right: step("- disk-space: { path: /opt, at-least: 400MiB }\n- copy: { from: /media/usb/2, to: /opt/app/2 }"),
		},
		{
			ID: "check-stopped", Warning: true, Summary: "a check asks a program that is stopped",
			Why:   "Nothing answers before the step that starts it.",
			Wrong: step("- supervisor: { action: stop, programs: [app] }\n- wait-for: { http: \"http://127.0.0.1/health\" }\n- supervisor: { action: start, programs: [app] }"),
			Right: step("- supervisor: { action: stop, programs: [app] }\n- supervisor: { action: start, programs: [app] }\n- wait-for: { http: \"http://127.0.0.1/health\" }"),
		},
		{
			ID: "verify-unused", Warning: true, Summary: "what is verified is not what is extracted",
			Why: "A signature vouches for the file that was verified, at that time. Hand its voucher on (verified: ${{ steps.ID.voucher }}): then the archive that is " +
				"extracted is that very file, or nothing is.",
			Wrong: step("- verify: { package: /media/usb/a.tar.gz, signature: /media/usb/a.tar.gz.sig, keyring: /etc/gwe/keys }\n- extract: { archive: /media/usb/b.tar.gz, to: /opt/app/2, unverified: allow }"),
			Right: step("- id: vouched\n  verify: { package: /media/usb/a.tar.gz, signature: /media/usb/a.tar.gz.sig, keyring: /etc/gwe/keys }\n- extract: { archive: /media/usb/a.tar.gz, to: /opt/app/2, verified: \"${{ steps.vouched.voucher }}\" }"),
		},
		{
			ID: "removes-more", Summary: "an input may make a path that of the directory above",
			Why: "Where the last part of a path is an input that may be empty, or two dots, the removal takes the whole directory. A default that does so is an error, " +
				"any other value a warning.",
			Wrong: recipe("inputs:\n  old: { type: string, default: \"\" }\nsteps:\n  - remove: { path: \"/opt/app/${{ inputs.old }}\", missing: ok }"),
			Right: recipe("inputs:\n  old: { type: string, required: true, pattern: \"^[a-z0-9][a-z0-9.-]*$\" }\nsteps:\n  - remove: { path: \"/opt/app/${{ inputs.old }}\", missing: ok }"),
		},
		{
			ID: "removed-early", Summary: "a step reads what an earlier one has removed",
			Why:   "It fails then, and all is undone.",
			Wrong: step("- remove: /var/cache/app\n- copy: { from: /var/cache/app/settings, to: /etc/app/settings }"),
			Right: step("- copy: { from: /var/cache/app/settings, to: /etc/app/settings }\n- remove: /var/cache/app"),
		},
		{
			ID: "undo-removes", Summary: "an undo removes what came later, too",
			Why: "Step types that undo themselves remove what they made, entry by entry, and spare what came since. An undo of yours that removes the whole directory " +
				"takes data of weeks, when the run is rolled back by hand.",
			Wrong: step("- mkdir: /var/lib/app\n  undo:\n    - run: { argv: [rm, -rf, /var/lib/app] }"),
			Right: step("- mkdir: /var/lib/app"),
		},
		{
			ID: "prunes-parent", Summary: "the directory of the releases is pruned as one of them",
			Why:   "prune removes old entries of dir. Where the releases lie one level deeper, their own directory is one of these.",
			Wrong: step("- unpack: { package: /media/usb/a.tar.zst.gpg, keyring: /etc/gwe/keys, into: /opt/app/releases }\n- prune: { dir: /opt/app, keep: 2 }"),
			Right: step("- unpack: { package: /media/usb/a.tar.zst.gpg, keyring: /etc/gwe/keys, into: /opt/app/releases }\n- prune: { dir: /opt/app/releases, keep: 2 }"),
		},
		{
			ID: "inside-itself", Summary: "a copy lies in what is copied",
			Why:   "It would hold itself, or the next one would hold this one.",
			Wrong: step("- copy: { from: /opt/app, to: /opt/app/backup }"), Right: step("- copy: { from: /opt/app, to: /opt/app-backup }"),
		},
		{
			ID: "onto-directory", Warning: true, Summary: "a file is put at the path of a directory",
			Why:   "to and path name the new entry itself. A shell's cp would put a file into a directory that ends with a slash; here it takes its name.",
			Wrong: step("- copy: { from: /media/usb/app.conf, to: /etc/app/ }"), Right: step("- copy: { from: /media/usb/app.conf, to: /etc/app/app.conf }"),
		},
		{
			ID: "old-release-changed", Warning: true, Summary: "the old release is changed before the switch",
			Why:   "Until the link is switched, what lies below it is the release that runs, and to which a rollback returns. The new one does not get the change.",
			Wrong: step("- copy: { from: /media/usb/2, to: /opt/app/2 }\n- write: { path: /opt/app/current/app.conf, content: a }\n- swap-link: { link: /opt/app/current, to: /opt/app/2 }"),
			Right: step("- copy: { from: /media/usb/2, to: /opt/app/2 }\n- write: { path: /opt/app/2/app.conf, content: a }\n- swap-link: { link: /opt/app/current, to: /opt/app/2 }"),
		},
		{
			ID: "link-taken", Summary: "a link takes the name of what was just made",
			Why:   "link is the name of the link, to is what it leads to. The other way round the new release would be replaced by a link.",
			Wrong: step("- copy: { from: /media/usb/2, to: /opt/app/2 }\n- swap-link: { link: /opt/app/2, to: /opt/app/current }"),
			Right: step("- copy: { from: /media/usb/2, to: /opt/app/2 }\n- swap-link: { link: /opt/app/current, to: /opt/app/2 }"),
		},
		{
			ID: "used-early", Summary: "a step uses what only a later one makes",
			Why:   "It finds nothing, or what an older release left there.",
			Wrong: step("- chmod: { path: /opt/app/2/run, mode: \"0755\" }\n- extract: { archive: /media/usb/a.tar, to: /opt/app/2, unverified: allow }"),
			Right: step("- extract: { archive: /media/usb/a.tar, to: /opt/app/2, unverified: allow }\n- chmod: { path: /opt/app/2/run, mode: \"0755\" }"),
		},
		{
			ID: "link-to-release", Warning: true, Summary: "a link leads into one release, not through the link that is switched",
			Why:   "The next update switches current and leaves this link where it is: on the old release, and later on nothing.",
			Wrong: step("- copy: { from: /media/usb/2, to: /opt/app/2 }\n- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n- symlink: { link: /usr/local/bin/app, to: /opt/app/2/bin/app }"),
			Right: step("- copy: { from: /media/usb/2, to: /opt/app/2 }\n- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n- symlink: { link: /usr/local/bin/app, to: /opt/app/current/bin/app }"),
		},
		{
			ID: "written-twice", Warning: true, Summary: "a file is written twice",
			Why:   "write and template write the whole file. What the first of them wrote is gone before anything has read it.",
			Wrong: step("- write: { path: /etc/app.conf, content: \"a = 1\\n\" }\n- write: { path: /etc/app.conf, content: \"b = 2\\n\" }"),
			Right: step("- write: { path: /etc/app.conf, content: \"a = 1\\nb = 2\\n\" }"),
		},
		{
			ID: "volatile-target", Summary: "a link leads to what the next boot takes away",
			Why:   "/tmp, /run and /dev/shm are empty after a boot, and /var/tmp is cleaned. The link then leads to nothing, and no program starts.",
			Wrong: step("- copy: { from: /media/usb/2, to: /tmp/app-2 }\n- swap-link: { link: /opt/app/current, to: /tmp/app-2 }"),
			Right: step("- copy: { from: /media/usb/2, to: /opt/app/2 }\n- swap-link: { link: /opt/app/current, to: /opt/app/2 }"),
		},
		{
			ID: "cron-line", Warning: true, Summary: "cron passes over the file, or over its last line",
			Why:   "cron reads no file of /etc/cron.d whose name holds a dot, and no last line without a line end. Nothing says so.",
			Wrong: step("- write: { path: /etc/cron.d/app, content: \"0 3 * * * root app --report\" }"),
			Right: step("- write: { path: /etc/cron.d/app, content: \"0 3 * * * root app --report\\n\" }"),
		},
		{
			ID: "unit-not-read", Summary: "systemd or supervisord has not read what was written",
			Why: "Both start programs by what they read last. A restart alone starts the old unit; of supervisord, whose restart does so too, it is a warning: " +
				"action: update reads and restarts.",
			Wrong: step("- write: { path: /etc/systemd/system/app.service, content: \"[Service]\\nExecStart=/opt/app\\n\" }\n" + restart),
			Right: step("- write: { path: /etc/systemd/system/app.service, content: \"[Service]\\nExecStart=/opt/app\\n\" }\n- run: { argv: [systemctl, daemon-reload] }\n  undo-last:\n    - run: { argv: [systemctl, daemon-reload] }\n" + restart),
		},
		{
			ID: "restart-after-commit", Warning: true, Summary: "the new version is started after the commit",
			Why:   "The commit is the point of no return. A new version that does not start then stays, and the run ends with exit code 7. Start it, look at it, and then commit.",
			Wrong: step("- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n- commit: it is in place\n- run: { argv: [systemctl, restart, app] }"),
			Right: step("- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n" + restart + "\n- commit: it is in place"),
		},
		{
			ID: "confirm-early", Warning: true, Summary: "who confirms has not seen the new version",
			Why:   "A confirm waits for the word that what was changed works. What comes after it was not seen by then.",
			Wrong: step("- copy: { from: /media/usb/2, to: /opt/app/2 }\n- confirm: { within: 1h }\n- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n- commit: it is in place"),
			Right: step("- copy: { from: /media/usb/2, to: /opt/app/2 }\n- swap-link: { link: /opt/app/current, to: /opt/app/2 }\n- confirm: { within: 1h }\n- commit: it is in place"),
		},
		{
			ID: "failsafe-new", Summary: "the failsafe leads to the version that failed",
			Why: "The failsafe has its turn when an undo has failed. It leads to what no run changes, and tells the programs: where it only switches the link, " +
				"which is a warning, they run on as they are.",
			Wrong: recipe("steps:\n  - copy: { from: /media/usb/2, to: /opt/app/2 }\n  - swap-link: { link: /opt/app/current, to: /opt/app/2 }\nfailsafe:\n  - swap-link: { link: /opt/app/current, to: /opt/app/2 }"),
			Right: recipe("steps:\n  - copy: { from: /media/usb/2, to: /opt/app/2 }\n  - swap-link: { link: /opt/app/current, to: /opt/app/2 }\nfailsafe:\n  - swap-link: { link: /opt/app/current, to: /opt/app/golden }"),
		},
	}
}
