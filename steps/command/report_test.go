package command

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gwe-project/gwe/engine/step"
)

// TestServices: the services that a program or script starts are found; what a shell would expand, or another
// machine's, is not guessed.
func TestServices(t *testing.T) {
	for _, one := range []struct {
		argv   string
		script string
		want   string
	}{
		{"systemctl restart app", "", "app: systemctl is-active app"},
		{"/usr/bin/systemctl --user start app.service web@1", "", "app.service: /usr/bin/systemctl --user is-active app.service | web@1: /usr/bin/systemctl --user is-active web@1"},
		{"systemctl restart --no-block app", "", "app: systemctl is-active app"},
		{"sudo systemctl reload-or-restart app", "", "app: systemctl is-active app"},
		{"systemctl enable --now app", "", "app: systemctl is-active app"},
		{"systemctl enable app", "", ""},
		{"systemctl stop app", "", ""},
		{"systemctl daemon-reload", "", ""},
		{"systemctl start $APP", "", ""},
		{"systemctl -H other start app", "", ""},
		{"systemctl start app-*", "", ""},
		{"service app restart", "", "app: service app status"},
		{"/etc/init.d/app restart", "", "app: /etc/init.d/app status"},
		{"rc-service app start", "", "app: rc-service app status"},
		{"echo systemctl start app", "", ""},
		{"", "systemctl daemon-reload\nSYSTEMD_OFFLINE=0 systemctl restart app && systemctl start 'web'; sync\n", "app: systemctl is-active app | web: systemctl is-active web"},
		{"", "if x; then systemctl start \"$NAME\"; fi", ""},
	} {
		var got []string
		for _, found := range (runArguments{Argv: strings.Fields(one.argv), Script: one.script}).services(starts) {
			got = append(got, found.name+": "+strings.Join(found.ask, " "))
		}
		if difference := cmp.Diff(one.want, strings.Join(got, " | ")); difference != "" {
			t.Errorf("%s%s:\n%s", one.argv, one.script, difference)
		}
	}
}

// TestReportOfServices asks a manager of services that is made here.
func TestReportOfServices(t *testing.T) {
	directory := t.TempDir()
	program := filepath.Join(directory, "systemctl")
	text := "#!/bin/sh\ncase $2 in app) echo active;; web) echo failed; exit 3;; slow) sleep 60;; *) echo 'no bus' >&2; exit 1;; esac\n"
	if err := os.WriteFile(program, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	init := filepath.Join(directory, "init.d")
	if err := os.Mkdir(init, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(init, "old"), []byte("#!/bin/sh\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	got := run{}.Report(context.Background(), step.Local{}, runArguments{Argv: []string{program, "restart", "app", "web", "other"}})
	want := []step.Report{
		{Kind: step.ReportProgram, Name: "app", State: "active", Good: true},
		{Kind: step.ReportProgram, Name: "web", State: "failed"},
		{Kind: step.ReportProgram, Name: "other", State: program + " is-active other exited with 1: no bus"},
	}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Error(difference)
	}
	got = run{}.Report(context.Background(), step.Local{}, runArguments{Argv: []string{filepath.Join(init, "old"), "start"}})
	if difference := cmp.Diff([]step.Report{{Kind: step.ReportProgram, Name: "old", State: "inactive"}}, got); difference != "" {
		t.Error(difference)
	}
	got = run{}.Report(context.Background(), step.Local{}, runArguments{Argv: []string{program, "start", "slow"}})
	if len(got) != 1 || got[0].Good || !strings.Contains(got[0].State, "did not end in time") {
		t.Errorf("%+v", got)
	}
}

// TestChecks: one try of what a step looks at.
func TestChecks(t *testing.T) {
	about := &step.Run{Step: "Look", Machine: step.Local{}, Started: func(int) {}}
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "check"), []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		got  []step.Report
		want []step.Report
	}{
		{run{}.Check(context.Background(), about, runArguments{Script: "true"}), []step.Report{{Kind: step.ReportHealth, Name: "Look", State: "ok", Good: true}}},
		{run{}.Check(context.Background(), about, runArguments{Argv: []string{"false"}}), []step.Report{{Kind: step.ReportHealth, Name: "Look", State: "false exited with 1"}}},
		{run{}.Check(context.Background(), about, runArguments{Argv: []string{"false"}, OKCodes: []int{1}}), []step.Report{{Kind: step.ReportHealth, Name: "Look", State: "ok", Good: true}}},
		{hook{}.Check(context.Background(), about, hookArguments{Dir: "/", Script: "no/such", Optional: true}), nil},
		{hook{}.Check(context.Background(), about, hookArguments{}), []step.Report{{Kind: step.ReportHealth, Name: "Look", State: `the script "" is not the name of a file below `}}},
	} {
		if difference := cmp.Diff(one.want, one.got); difference != "" {
			t.Error(difference)
		}
	}
}
