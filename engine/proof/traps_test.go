package proof_test

import "testing"

// TestTraps: what people get wrong in a step of its own, in other forms than the catalog shows, and their
// neighbours that are right.
func TestTraps(t *testing.T) {
	release := "  - copy: { from: /media/2, to: /opt/app/2 }\n  - swap-link: { link: /opt/app/current, to: /opt/app/2 }\n"
	for name, test := range map[string]struct{ recipe, want string }{
		"patterns of a shell": {`steps:
  - copy: { from: "/media/*.conf", to: /etc/app }
  - mkdir: { path: "/opt/{a,b}" }
  - run: { argv: [rm, -f, "/tmp/x*"], env: { PATH: "/opt/bin:$PATH" } }
    undo: none
  - wait-for: { file: "/run/app-?.pid" }
`, "no-shell:2 no-shell:3 no-shell:4 no-shell:4 no-shell:6"},
		"patterns that a program reads": {`inputs: { files: { type: list<string>, default: [] } }
steps:
  - run: { argv: [find, /tmp, -name, "*.tmp"], env: { A: "a*", B: "5 $" } }
    effects: none
  - run: { argv: [sh, -c, "rm -f /tmp/x*"] }
    undo: none
  - extract: { archive: /media/a.tar, to: /opt/a, unverified: allow, exclude: ["*.tmp"] }
  - write: { path: "/etc/${{ len(inputs.files) * 2 }}", content: "$HOME/*" }
`, ""},
		"a shell of its own": {`steps:
  - run: { script: "cd /opt\nexport A=b" }
    effects: none
  - run: { argv: [export, A=b] }
    effects: none
  - run: { script: "cd /opt && ./go" }
    effects: none
  - run: { script: "set -e\napp" }
    effects: none
`, "shell-builtin:2 shell-builtin:4"},
		"checks of nothing": {`steps:
  - disk-space: /opt
  - read-link: { path: /opt/app/current, missing: ok }
  - write: { path: /run/ready, content: a }
  - wait-for: { file: /run/ready }
  - run: { script: "app --self-test || true" }
    effects: none
  - assert: { that: "${{ 1 < 2 }}", message: x }
`, "check-nothing:2 check-nothing:3 check-nothing:5 check-ignored:6 guard-decided:8"},
		"checks of something": {`inputs: { keep: { type: int, default: 2, min: 0 } }
steps:
  - id: space
    disk-space: /opt
  - read-link: /opt/app/current
  - id: tested
    run: { script: "app --self-test || true" }
    effects: none
  - assert: { that: "${{ inputs.keep > 0 and steps.space.free > size('1MiB') and steps.tested.stdout == '' }}", message: x }
`, ""},
		"space that is asked for first, and in between": {`steps:
  - disk-space: { path: /opt, at-least: 1GiB }
  - copy: { from: /media/a, to: /opt/a }
  - disk-space: { path: /var, at-least: 1GiB }
  - copy: { from: /media/b, to: /var/b }
`, ""},
		"a check beside the restart": {`steps:
  - swap-link: { link: /opt/app/current, to: /opt/app/2 }
  - parallel:
      - supervisor: { action: restart, programs: [app] }
      - wait-for: { http: "http://127.0.0.1/health" }
`, "check-early:5"},
		"a check between stop and start of systemd": {`steps:
  - run: { argv: [systemctl, stop, app] }
    undo: [{ run: { argv: [systemctl, start, app] } }]
  - wait-for: { tcp: "127.0.0.1:80" }
  - run: { argv: [systemctl, start, app] }
    undo: [{ run: { argv: [systemctl, stop, app] } }]
`, "check-stopped:4"},
		"a check that something is gone, or of another one": {`steps:
  - supervisor: { action: stop, programs: [app] }
  - wait-for: { file: /run/app.pid, state: absent }
  - supervisor: { action: start, programs: [app] }
  - wait-for: { tcp: "127.0.0.1:80" }
`, ""},
		"the same file, not vouched for": {`steps:
  - verify: { package: /media/a.tar, signature: /media/a.sig, keyring: /etc/gwe/keys }
  - extract: { archive: /media/a.tar, to: /opt/app/2, unverified: allow }
`, "verify-unused:3"},
		"another file, beside what is verified and used": {`steps:
  - verify: { package: /media/a.gpg, keyring: /etc/gwe/keys }
  - unpack: { package: /media/a.gpg, keyring: /etc/gwe/keys, into: /opt/app }
  - extract: { archive: /media/b.tar, to: /opt/app/2, unverified: allow }
`, ""},
		"a directory above": {`inputs:
  old: { type: string, default: "" }
  older: { type: string, required: true }
  oldest: { type: string, required: true, enum: [a, b] }
steps:
  - remove: { path: "/opt/${{ inputs.old }}", missing: ok }
  - remove: { path: "/opt/${{ inputs.older }}", missing: ok }
  - remove: { path: "/opt/${{ inputs.oldest }}", missing: ok }
  - remove: { path: "/opt/app-${{ inputs.old }}", missing: ok }
  - when: inputs.old != ""
    remove: { path: "/opt/${{ inputs.old }}", missing: ok }
  - rsync: { source: /media/a, target: "/opt/${{ inputs.old }}", delete: true }
`, "removes-more:6 removes-more:7 removes-more:12"},
		"gone, and back": {`steps:
  - remove: { path: /opt/app/tmp, missing: ok }
  - mkdir: /opt/app/tmp
  - copy: { from: /opt/app/tmp/x, to: /opt/x }
  - move: { from: /opt/x, to: /opt/y }
  - copy: { from: /opt/x, to: /opt/z }
`, "removed-early:6"},
		"an undo of its own that removes something else": {`steps:
  - mkdir: /opt/app/data
    undo:
      - remove: { path: /run/app.lock, missing: ok }
  - run: { argv: [make-data] }
    undo:
      - remove: { path: /opt/app/made, missing: ok }
  - copy: { from: /media/a, to: /opt/a }
    undo:
      - remove: { path: /opt/a, missing: ok }
`, "undo-removes:10"},
		"into itself": {`steps:
  - rsync: { source: /opt/app, target: /opt/app/backup }
  - rsync: { source: /opt/app, target: /opt/app/backup, exclude: [/backup] }
  - copy: { from: /opt/app, to: /opt/app2 }
`, "inside-itself:2"},
		"the release that runs": {`steps:
  - copy: { from: /media/2, to: /opt/app/2 }
  - template: { from: /media/t, to: /opt/app/current/conf/a, values: {} }
  - swap-link: { link: /opt/app/current, to: /opt/app/2 }
  - write: { path: /opt/app/current/b, content: b }
`, "old-release-changed:3"},
		"a hook of what comes later": {`steps:
  - hook: { script: check, dir: /opt/app/2 }
    effects: none
  - extract: { archive: /media/a.tar, to: /opt/app/2, unverified: allow }
  - hook: { script: check, dir: /opt/app/2 }
    effects: none
`, "used-early:2"},
		"through the link": {release + `  - symlink: { link: /usr/bin/app, to: /opt/app/current/bin/app }
  - symlink: { link: /opt/app/2/lib, to: /opt/app/2/lib64 }
  - symlink: { link: /usr/bin/app-2, to: /opt/app/2/bin/app }
`, "link-to-release:6"},
		"written, used, and written": {`steps:
  - write: { path: /etc/a, content: a }
  - run: { argv: [app] }
    effects: none
  - write: { path: /etc/a, content: b }
  - when: run.id != ""
    write: { path: /etc/a, content: c }
`, ""},
		"cron": {`steps:
  - write: { path: /etc/cron.d/app.cron, content: "x" }
  - write: { path: /etc/cron.d/app, content: "x\n" }
  - write: { path: /etc/app.cron, content: x }
`, "cron-line:2 cron-line:2"},
		"supervisord reads when it is told": {`steps:
  - write: { path: /etc/supervisor/conf.d/app.conf, content: a }
  - supervisor: { action: restart, programs: [app] }
  - write: { path: /etc/supervisor/conf.d/web.conf, content: a }
  - supervisor: { action: update }
`, "unit-not-read:3"},
		"a unit that is read": {`steps:
  - write: { path: /etc/systemd/system/app.service, content: a }
  - run: { script: "systemctl daemon-reload\nsystemctl restart app" }
    undo-last: [{ run: { script: "systemctl daemon-reload\nsystemctl restart app" } }]
`, ""},
		"started after the commit": {release + `  - commit: in
  - supervisor: { action: restart, programs: [app] }
`, "restart-after-commit:5"},
		"started before, and told again": {release + `  - supervisor: { action: restart, programs: [app] }
  - commit: in
  - supervisor: { action: restart, programs: [logger] }
`, ""},
		"a confirm of nothing": {"steps:\n  - confirm: { within: 1h }\n  - write: { path: /etc/a, content: a }\n", "confirm-early:2"},
		"a switch that may fail": {`steps:
  - steps:
      - swap-link: { link: /opt/app/current, to: /opt/app/2 }
    rescue:
      - run: { argv: [logger, failed] }
        effects: none
  - commit: in
`, "failure-ignored:3"},
		"a rescue that ends the run": {`steps:
  - steps:
      - swap-link: { link: /opt/app/current, to: /opt/app/2 }
    rescue:
      - assert: { that: false, message: it failed }
  - commit: in
`, ""},
		"a boot takes its time": {`steps:
  - write: { path: /etc/a, content: a }
  - reboot: { within: 5s }
  - commit: in
`, "timeout-too-short:3"},
		"a failsafe that tells nobody": {`steps:
` + release + `  - supervisor: { action: restart, programs: [app] }
failsafe:
  - swap-link: { link: /opt/app/current, to: /opt/app/golden }
`, "failsafe-new:6"},
		"a secret by a shell": {`inputs: { token: { type: secret, required: true } }
steps:
  - run: { script: "echo \"$T\" >/etc/token", env: { T: "${{ inputs.token }}" } }
    undo: none
  - run: { script: "umask 077\necho \"$T\" >/etc/token", env: { T: "${{ inputs.token }}" } }
    undo: none
  - run: { script: "login --token-stdin <<E\n$T\nE", env: { T: "${{ inputs.token }}" } }
    undo: none
`, "secret-readable:3"},
		"allowed": {`steps:
  - copy: { from: "/media/a[1].conf", to: /etc/app }
    allow: { no-shell: it is called so }
`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			recipe := test.recipe
			if recipe[:2] == "  " {
				recipe = "steps:\n" + recipe
			}
			if got := check(t, recipe); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
