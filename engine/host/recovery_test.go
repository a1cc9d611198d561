package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRecoveries: what runs gwe recover on a machine, and what only seems to. A file that begins with -> is a
// link.
func TestRecoveries(t *testing.T) {
	const (
		timer   = "[Timer]\nOnUnitInactiveSec=1min\n[Install]\nWantedBy=multi-user.target\n"
		service = "[Service]\nExecStart=/usr/bin/gwe recover\n"
		early   = "[Service]\nExecStart=/usr/bin/gwe recover --early\n"
		booted  = "run/systemd/system/x"
		wanted  = "etc/systemd/system/multi-user.target.wants/gwe-resume.timer"
	)
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"nothing", nil, ""},
		{"the timer", map[string]string{booted: "", wanted: "->x", "etc/systemd/system/gwe-resume.timer": timer, "etc/systemd/system/gwe-resume.service": service},
			"gwe-resume.timer again; gwe-resume.service again=false idle"},
		{"a timer that is not enabled", map[string]string{booted: "", "usr/lib/systemd/system/gwe-resume.timer": timer, "usr/lib/systemd/system/gwe-resume.service": service},
			"gwe-resume.timer again idle; gwe-resume.service again=false idle"},
		{"a timer without systemd", map[string]string{wanted: "->x", "etc/systemd/system/gwe-resume.timer": timer, "etc/systemd/system/gwe-resume.service": service},
			"gwe-resume.timer again idle; gwe-resume.service again=false idle"},
		{"a masked service", map[string]string{booted: "", wanted: "->x", "usr/lib/systemd/system/gwe-resume.timer": timer, "usr/lib/systemd/system/gwe-resume.service": service,
			"etc/systemd/system/gwe-resume.service": "->/dev/null"}, ""},
		{"a timer of another name and service", map[string]string{booted: "", "usr/lib/systemd/system/timers.target.wants/look.timer": "->x",
			"usr/lib/systemd/system/look.timer": "[Timer]\nUnit=after.service\n", "usr/lib/systemd/system/after.service": service}, "look.timer again; after.service again=false idle"},
		{"a drop-in", map[string]string{booted: "", wanted: "->x", "etc/systemd/system/gwe-resume.timer": timer, "etc/systemd/system/gwe-resume.service": "[Service]\nExecStart=/bin/true\n",
			"etc/systemd/system/gwe-resume.service.d/own.conf": "[Service]\nExecStart=\nExecStart=/bin/sh -c 'test -x /usr/bin/gwe.before || exec /usr/bin/gwe recover; \\\n  exit 1'\n"},
			"gwe-resume.timer again; gwe-resume.service again=false idle"},
		{"the early part alone", map[string]string{booted: "", "etc/systemd/system/sysinit.target.wants/gwe-recover.service": "->x", "etc/systemd/system/gwe-recover.service": early}, ""},
		{"a service at boot", map[string]string{booted: "", "etc/systemd/system/multi-user.target.wants/boot.service": "->x", "etc/systemd/system/boot.service": service},
			"boot.service again=false"},
		{"a service that restarts", map[string]string{booted: "", "etc/systemd/system/multi-user.target.wants/boot.service": "->x", "etc/systemd/system/boot.service": service + "Restart=always\n"},
			"boot.service again"},
		{"a commented command", map[string]string{booted: "", "etc/systemd/system/boot.service": "[Service]\n#ExecStart=/usr/bin/gwe recover\nExecStart=/bin/true\n"}, ""},
		{"cron", map[string]string{"proc/7/comm": "cron\n", "etc/cron.d/gwe": "* * * * * root /usr/bin/gwe --state-dir /data/gwe recover >/dev/null\n"}, "gwe again state=/data/gwe"},
		{"cron with the state in the environment", map[string]string{"proc/7/comm": "crond\n", "etc/crontabs/root": "* * * * * GWE_STATE_DIR=/data/gwe gwe recover\n"}, "root again state=/data/gwe"},
		{"cron without its daemon", map[string]string{"etc/crontab": "* * * * * root gwe recover\n"}, "crontab again idle"},
		{"cron at the boot", map[string]string{"proc/7/comm": "cron\n", "etc/crontab": "@reboot root gwe recover\n"}, "crontab again=false"},
		{"a comment in a crontab", map[string]string{"proc/7/comm": "cron\n", "etc/crontab": "# * * * * * root gwe recover\n"}, ""},
		{"another program", map[string]string{"proc/7/comm": "cron\n", "etc/crontab": "* * * * * root /usr/bin/mongwe-x recover\n* * * * * root gwe recovered\n* * * * * root gwe status\n"}, ""},
		{"the vendor's own program", map[string]string{"proc/7/comm": "cron\n", "etc/crontab": "* * * * * root /usr/bin/acme-update recover\n"}, "crontab again"},
		{"supervisord", map[string]string{"proc/7/comm": "supervisord\n", "etc/supervisor/conf.d/gwe.conf": "[program:gwe]\ncommand=/bin/sh -c 'while sleep 60; do gwe recover; done'\n"}, "gwe.conf again"},
		{"runit", map[string]string{"etc/service/gwe/run": "#!/bin/sh\nsleep 60\nexec gwe recover\n"}, "run again"},
		{"a loop in a shell", map[string]string{"proc/9/cmdline": "sh\x00-c\x00while :; do gwe recover; sleep 60; done\x00"}, "process 9 again"},
		{"a recovery that runs now", map[string]string{"proc/9/cmdline": "gwe\x00recover\x00"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			for path, content := range test.files {
				whole := filepath.Join(root, path)
				if err := os.MkdirAll(filepath.Dir(whole), 0o755); err != nil {
					t.Fatal(err)
				}
				target, link := strings.CutPrefix(content, "->")
				err := error(nil)
				if link {
					err = os.Symlink(target, whole)
				} else {
					err = os.WriteFile(whole, []byte(content), 0o644)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			for _, found := range Recoveries(root, "acme-update") {
				one := filepath.Base(found.Source) + " again"
				if !found.Periodic {
					one += "=false"
				}
				if found.State != "" {
					one += " state=" + found.State
				}
				if found.Idle != "" {
					one += " idle"
				}
				got = append(got, one)
			}
			if told := fmt.Sprint(strings.Join(got, "; ")); told != test.want {
				t.Errorf("it found %q, want %q", told, test.want)
			}
		})
	}
}
