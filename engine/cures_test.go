package engine_test

import (
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/proof"
	"github.com/gwe-project/gwe/schema"
	"github.com/gwe-project/gwe/steps"
)

// TestCuresFollowed: what people write who come from other tools, and the same when the first hint was
// followed to the letter. The hint holds what is written then, and that is valid under --strict.
func TestCuresFollowed(t *testing.T) {
	only := "\n    effects: none"
	for wrong, right := range map[string]struct{ hint, steps string }{
		"- supervisor: { restart: app }":                               {"write supervisor: {action: restart, programs: [app]}", "- supervisor: {action: restart, programs: [app]}"},
		"- supervisor: { restart: [app, web] }":                        {"programs: [app, web]", "- supervisor: {action: restart, programs: [app, web]}"},
		"- supervisor: restart app":                                    {"write supervisor: {action: restart, programs: [app]}", "- supervisor: {action: restart, programs: [app]}"},
		"- shell: echo hi > /tmp/x":                                    {`write run: {script: "echo hi > /tmp/x"}`, "- run: {script: \"echo hi > /tmp/x\"}" + only},
		"- command: /bin/true":                                         {"write run: {argv: [/bin/true]}", "- run: {argv: [/bin/true]}" + only},
		"- command: { cmd: ls -l }":                                    {"write run: {argv: [ls, -l]}", "- run: {argv: [ls, -l]}" + only},
		"- service: { name: nginx, state: restarted }":                 {"write run: {argv: [systemctl, restart, nginx]}, and undo-last: [{run: {argv: [systemctl, restart, nginx]}}]", "- run: {argv: [systemctl, restart, nginx]}\n    undo-last: [{run: {argv: [systemctl, restart, nginx]}}]"},
		"- ansible.builtin.systemd: { name: a, state: started }":       {"undo: [{run: {argv: [systemctl, stop, a]}}]", "- run: {argv: [systemctl, start, a]}\n    undo: [{run: {argv: [systemctl, stop, a]}}]"},
		"- systemctl: reload nginx":                                    {"write run: {argv: [systemctl, reload, nginx]}", "- run: {argv: [systemctl, reload, nginx]}\n    undo-last: [{run: {argv: [systemctl, reload, nginx]}}]"},
		"- file: { path: /opt/a, state: directory }":                   {"write mkdir: {path: /opt/a}", "- mkdir: {path: /opt/a}"},
		"- file: { path: /opt/a, state: absent }":                      {"write remove: {path: /opt/a, missing: ok}", "- remove: {path: /opt/a, missing: ok}"},
		"- file: { src: /opt/b, dest: /opt/a, state: link }":           {"write symlink: {link: /opt/a, to: /opt/b}", "- symlink: {link: /opt/a, to: /opt/b}"},
		"- unarchive: { src: /a.tar.gz, dest: /opt/a }":                {"write extract: {archive: /a.tar.gz, to: /opt/a, unverified: allow}", "- extract: {archive: /a.tar.gz, to: /opt/a, unverified: allow}"},
		"- extract: { src: /a.tar.gz, to: /opt/a, unverified: allow }": {`did you mean "archive"?`, "- extract: {archive: /a.tar.gz, to: /opt/a, unverified: allow}"},
		"- unpack: { package: /a, keyring: /k, to: /b }":               {`did you mean "into"?`, "- unpack: { package: /a, keyring: /k, into: /b }"},
		"- verify: { file: /a, keyring: /k }":                          {`did you mean "package"?`, "- verify: { package: /a, keyring: /k }"},
		"- rm: -rf /opt/a":                                             {"write remove: /opt/a", "- remove: /opt/a"},
		"- cp: -a /opt/a /opt/b":                                       {"write copy: {from: /opt/a, to: /opt/b}", "- copy: {from: /opt/a, to: /opt/b}"},
		"- remove: [/opt/a, /opt/b]":                                   {"write for-each: [/opt/a, /opt/b], and beside it remove: ${{ item }}", "- for-each: [/opt/a, /opt/b]\n    remove: ${{ item }}"},
		"- disk-space: 100MB":                                          {"write disk-space: {path: /PATH, at-least: 100MB}", "- disk-space: {path: /opt, at-least: 100MB}"},
		"- disk-space: { path: /opt, min: 100MB }":                     {`did you mean "at-least"?`, "- disk-space: {path: /opt, at-least: 100MB}"},
		"- wait-for: { tcp: 80 }":                                      {`write "127.0.0.1:80"`, "- wait-for: { tcp: \"127.0.0.1:80\" }"},
		"- wait-for: { http: \"http://a/\", timeout: 30s }":            {`did you mean "within"?`, "- wait-for: { http: \"http://a/\", within: 30s }"},
		"- sleep: 5":                         {`run: {argv: [sleep, "5"]} with effects: none`, "- run: {argv: [sleep, \"5\"]}" + only},
		"- fail: { msg: no }":                {"write assert: {that: false, message: no}", "- assert: {that: false, message: no}\n    when: run.id == ''"},
		"- assert: { that: [run.id != ''] }": {`write that: "${{ run.id != '' }}"`, "- assert: { that: \"${{ run.id != '' }}\" }"},
		"- confirm: 1h":                      {"write confirm: {within: 1h}", "- confirm: {within: 1h}"},
		"- confirm: { timeout: 1h }":         {`did you mean "within"?`, "- confirm: {within: 1h}"},
		"- reboot":                           {"write - reboot: {within: 10m}", "- reboot: {within: 10m}"},
		"- commit":                           {"write - commit: the new version is in place", "- commit: the new version is in place"},
		"- run: { argv: [app] }\n    undo: rm -f /opt/a":            {"write undo: [{run: {argv: [rm, -f, /opt/a]}}]", "- run: { argv: [app] }\n    undo: [{run: {argv: [rm, -f, /opt/a]}}]"},
		"- run: { argv: [app] }\n    undo: nothing":                 {"effects: none if it only looks", "- run: { argv: [app] }" + only},
		"- run: { argv: [app] }\n    effects: none\n    retries: 3": {"write retry: {attempts: 3, delay: 5s}", "- run: { argv: [app] }\n    effects: none\n    retry: {attempts: 3, delay: 5s}"},
		"- run:\n    argv: [app]\n    effects: none":                {"argv is an argument of run: indent it below run:", "- run:\n      argv: [app]" + only},
		"- run: { argv: [app], ok-codes: [0-1] }" + only:            {"write 0, 1", "- run: { argv: [app], ok-codes: [0, 1] }" + only},
		"- write: { path: /a, content: b, owner: root }":            {"write owner: root:root", "- write: { path: /a, content: b, owner: \"root:root\" }"},
		"- wite: { path: /a, content: b }":                          {`did you mean "write"?`, "- write: { path: /a, content: b }"},
		"- checksum: { path: /a, sha512: abababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababab }": {"write checksum: {algorithm: sha512, expected: abababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababab}", "- checksum: { path: /a, algorithm: sha512, expected: abababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababab }"},
		"- with_items: [a, b]\n    write: { path: \"/opt/{{ item }}\", content: b }":                                                                                         {`did you mean "for-each"?`, "- for-each: [a, b]\n    write: { path: \"/opt/${{ item }}\", content: b }"},
	} {
		t.Run(wrong, func(t *testing.T) {
			said := strict(wrong)
			if len(said) == 0 || !strings.Contains(said[0].Hint, right.hint) {
				t.Errorf("the first hint is not %q: %+v", right.hint, said)
			}
			if said := strict(right.steps); len(said) > 0 {
				t.Errorf("followed, it says %q (%s)", said[0].Message, said[0].Hint)
			}
		})
	}
}

// strict is all that gwe validate --strict says of a recipe with these steps.
func strict(lines string) schema.Diagnostics {
	program, said := engine.Load("cure.yaml", []byte("gwe: 1\nname: cure\nsteps:\n  "+lines+"\n"), steps.Catalog())
	if program != nil {
		said = append(said, proof.Unused(program.Recipe, func(string) bool { return false })...)
	}
	return said
}
