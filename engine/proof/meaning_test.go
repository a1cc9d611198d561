package proof_test

import (
	"fmt"
	"math"
	"testing"
)

// TestMeaning: recipes that are well formed and wrong in meaning, and their neighbours that are right.
func TestMeaning(t *testing.T) {
	for name, test := range map[string]struct{ recipe, want string }{
		"within longer than the group's time": {`steps:
  - timeout: 30s
    steps:
      - wait-for: { tcp: "127.0.0.1:80", within: 1m }
`, "timeout-too-short:4"},
		"within of defaults": {`defaults: { timeout: 20s }
steps:
  - wait-for: { file: /run/ready, within: 30s }
`, "timeout-too-short:3"},
		"within of the recipe": {`timeout: 20s
steps:
  - wait-for: { file: /run/ready, within: 30s }
`, "timeout-too-short:3"},
		"a program that may wait longer than the step": {`steps:
  - supervisor: { action: restart, programs: [app], wait: 2m }
    timeout: 1m
`, "timeout-too-short:2"},
		"a delay that is never over": {`steps:
  - wait-for: { file: /run/ready, within: 5s }
    retry: { attempts: 3, delay: 1m, total: 30s }
`, "timeout-too-short:3"},
		"an interval that is never over": {`steps:
  - wait-for: { file: /run/ready, within: 5s, interval: 10s }
`, "timeout-too-short:2"},
		"long enough": {`timeout: 10m
steps:
  - timeout: 5m
    steps:
      - wait-for: { file: /run/ready, within: 1m }
        timeout: 2m
        retry: { attempts: 3, delay: 10s, total: 4m }
`, ""},
		"until in an undo": {`steps:
  - write: { path: /etc/a, content: a }
    undo:
      - run: { argv: [app, status] }
        until: result.stdout == "x"
`, "until-once:5"},
		"a check by a program after the commit": {`steps:
  - write: { path: /etc/a, content: a }
  - commit: in
  - run: { argv: [app, self-test] }
    effects: none
`, "check-after-commit:4"},
		"looking before a cleanup is not a check": {`steps:
  - write: { path: /etc/a, content: a }
  - commit: in
  - assert: { that: "${{ run.id != '' }}", message: x }
  - remove: { path: /etc/old, missing: ok }
`, ""},
		"a verification that may fail": {`steps:
  - verify: { package: /media/usb/a.tar.zst.gpg, keyring: /etc/gwe/keys }
    allow-failure: true
  - copy: { from: /media/usb/a, to: /opt/a }
`, "check-ignored:2"},
		"outputs that decide": {`steps:
  - id: look
    run: { argv: [app, status] }
    effects: none
    allow-failure: true
  - when: (steps.look.exit_code ?? 1) == 0
    write: { path: /etc/a, content: a }
`, ""},
		"a group that may fail, and is built on": {`steps:
  - allow-failure: true
    steps:
      - mkdir: /opt/app/2
      - copy: { from: /media/usb/app, to: /opt/app/2/app }
  - hook: { script: start, dir: /opt/app/2 }
    undo: none
`, "failure-ignored:4"},
		"what may fail is guarded": {`steps:
  - allow-failure: true
    copy: { from: /media/usb/app, to: /opt/app/2 }
  - when: inputs.go
    swap-link: { link: /opt/app/current, to: /opt/app/2 }
inputs: { go: { type: bool, default: true } }
`, ""},
		"a link to itself": {`steps:
  - swap-link: { link: /opt/app/current, to: /opt/app/current/2 }
`, "switch-early:2"},
		"the failsafe is switched after the commit": {`steps:
  - copy: { from: /media/usb/2, to: /opt/app/2 }
  - swap-link: { link: /opt/app/current, to: /opt/app/2 }
  - commit: in
  - swap-link: { link: /opt/app/failsafe, to: /opt/app/2 }
`, ""},
		"finally removes a setting": {`steps:
  - write: { path: /etc/app.conf, content: a }
finally:
  - remove: { path: /etc/app.conf, missing: ok }
`, "finally-removes:4"},
		"finally removes it after an error, or what was for the run": {`steps:
  - mkdir: /tmp/app
  - write: { path: /run.d/updating, content: a }
  - copy: { from: /tmp/app/x, to: /opt/x }
  - copy: { from: /media/usb/y, to: /opt/y.new }
  - copy: { from: /opt/y.new, to: /opt/y }
finally:
  - remove: { path: /tmp/app, missing: ok }
  - remove: { path: /opt/y.new, missing: ok }
  - remove: { path: /run.d/updating, missing: ok }
  - when: error.code != nil
    remove: { path: /opt/x, missing: ok }
`, ""},
		"prune may take the failsafe": {`steps:
  - swap-link: { link: /opt/app/current, to: /opt/app/2 }
  - prune: { dir: /opt/app, keep: 2, protect: [current] }
failsafe:
  - swap-link: { link: /opt/app/current, to: /opt/app/golden }
`, "failsafe-removed:3"},
		"prune spares it": {`steps:
  - swap-link: { link: /opt/app/current, to: /opt/app/2 }
  - prune: { dir: /opt/app, keep: 2, protect: [current, golden] }
failsafe:
  - swap-link: { link: /opt/app/current, to: /opt/app/golden }
`, ""},
		"rounds of a group": {`steps:
  - for-each: [a, b]
    steps:
      - copy: { from: "/media/${{ item }}", to: /opt/app/conf }
      - copy: { from: "/media/${{ item }}", to: "/opt/app/${{ item }}" }
      - when: item == "a"
        write: { path: /etc/only-a, content: a }
`, "rounds-one-path:4"},
		"a secret by a variable, in a template": {`inputs:
  token: { type: secret, required: true }
  port: { type: int, default: 1 }
vars:
  auth: Bearer ${{ inputs.token }}
steps:
  - template: { from: /opt/t, to: /etc/t, values: { auth: "${{ vars.auth }}" }, mode: "0644" }
  - template: { from: /opt/t, to: /etc/u, values: { auth: "${{ vars.auth }}" }, mode: "0640" }
  - write: { path: /etc/port, content: "${{ inputs.port }}" }
`, "secret-readable:7"},
		"modes in words": {`steps:
  - chmod: { path: /opt/app/run, mode: "a+rwx" }
  - chmod: { path: /opt/app/go, mode: "u+rwx,g+w" }
  - mkdir: { path: /opt/tmp, mode: "1777" }
`, "world-writable:2"},
		"a program from /": {`steps:
  - run: { argv: [bin/app] }
    effects: none
  - run: { argv: [app] }
    effects: none
  - wait-for: { command: [./ready] }
  - migration-rollback: { running: /opt/app/2, new: /opt/app/1, folder: app, command: [./migrate, "{migration}"] }
`, "relative-program:2 relative-program:6"},
		"a boot setting by a script": {`steps:
  - run: { script: "fw_setenv slot b" }
    undo: [{ run: { script: "fw_setenv slot a" } }]
  - reboot: { within: 10m }
  - commit: in
`, "reboot-unchecked:4"},
		"a reboot for a kernel parameter": {`steps:
  - write: { path: /etc/modprobe.d/x.conf, content: a }
  - reboot: { within: 10m }
  - commit: in
`, ""},
		"supervised, and stopped for good": {`steps:
  - supervisor: { action: stop, programs: [app] }
  - write: { path: /etc/a, content: a }
`, "stopped-for-good:2"},
		"stopped, and started by an update": {`steps:
  - supervisor: { action: stop, programs: [app] }
  - write: { path: /etc/a, content: a }
  - supervisor: { action: update }
`, ""},
		"guards that are decided": {`inputs:
  keep: { type: int, default: 2, min: 1, max: 9 }
  channel: { type: string, default: stable, enum: [stable, beta] }
  free: { type: int, default: 2 }
  force: { type: bool, default: false }
steps:
  - when: inputs.keep > 0
    read-link: /a
  - when: inputs.channel == "nightly"
    read-link: /b
  - when: inputs.free > 0
    read-link: /c
  - when: inputs.force or inputs.keep > 8
    read-link: /d
  - when: inputs.keep > 9 and inputs.force
    read-link: /e
  - when: run.recovering
    read-link: /f
`, "guard-decided:7 guard-decided:9 guard-decided:15 guard-decided:17"},
		"a guard at the end of the integers": {fmt.Sprintf(`inputs:
  edge: { type: int, default: %d, min: 0, max: %[1]d }
steps:
  - when: inputs.edge == %[1]d
    read-link: /a
`, math.MaxInt-2), ""},
		"a group of values is never nil": {`steps:
  - write: { path: /etc/a, content: a }
finally:
  - when: error != nil
    remove: { path: /etc/b, missing: ok }
  - when: error.code != nil
    remove: { path: /etc/c, missing: ok }
`, "guard-decided:4"},
		"allowed with a reason": {`steps:
  - for-each: [a, b]
    write: { path: /etc/app.conf, content: "${{ item }}" }
    allow: { rounds-one-path: the last one wins on purpose }
`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := check(t, test.recipe); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
