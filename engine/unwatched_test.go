package engine_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/host"
)

// TestADeadlineThatNothingLooksAt: plan and run warn of a confirm, and of a reboot, where nothing on the
// machine would continue the run.
func TestADeadlineThatNothingLooksAt(t *testing.T) {
	const confirm, reboot = "steps: [{put: {path: D/a}}, {confirm: {within: 1h}}]\n", "steps: [{put: {path: D/a}}, {reboot: {within: 1h, command: [\"true\"]}}]\n"
	tests := []struct {
		name, recipe string
		found        []host.Recovery
		// want is the code of the warning, and why is in its text.
		want, why string
	}{
		{"nothing", confirm, nil, "deadline-unwatched", ""},
		{"nothing after a boot", reboot, nil, "boot-unwatched", ""},
		{"no wait", "steps: [{put: {path: D/a}}]\n", nil, "", ""},
		{"a wait that is skipped", "steps: [{put: {path: D/a}}, {confirm: {within: 1h}, when: run.recovering}]\n", nil, "", ""},
		{"a timer", confirm, []host.Recovery{{Source: "/etc/x.timer", Periodic: true}}, "", ""},
		{"a timer that is not enabled", confirm, []host.Recovery{{Source: "/etc/x.timer", Periodic: true, Idle: "it is not enabled"}}, "deadline-unwatched", "/etc/x.timer does, but it is not enabled"},
		{"a service at boot", confirm, []host.Recovery{{Source: "/etc/x.service"}}, "deadline-unwatched", "only once a boot"},
		{"a service at boot, for a reboot", reboot, []host.Recovery{{Source: "/etc/x.service"}}, "", ""},
		{"another state", confirm, []host.Recovery{{Source: "/etc/crontab", Periodic: true, State: "/elsewhere"}}, "deadline-unwatched", "another state directory, /elsewhere"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.engine.Recoveries = func() []host.Recovery { return test.found }
			plan, err := b.engine.Plan(context.Background(), b.load(test.recipe), nil)
			if err != nil {
				t.Fatal(err)
			}
			got, text := "", ""
			for _, warning := range plan.Warnings {
				got, text = warning.Code, warning.Text
			}
			if got != test.want || !strings.Contains(text, test.why) || plan.ExitCode() != engine.ExitDone {
				t.Errorf("the plan warns of %q (%s), want %q (%s); exit code %d", got, text, test.want, test.why, plan.ExitCode())
			}
			b.run(test.recipe)
			if said := b.events.text(); strings.Contains(said, "nothing on this machine runs") != (test.want != "") {
				t.Errorf("the run says:\n%s", said)
			}
		})
	}
}
