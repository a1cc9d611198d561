package supervisor

import "testing"

// The plan says what the undo does last, not only in which state a program ends.
func TestUndoOf(t *testing.T) {
	runs, stopped := program{Group: "app", Name: "app", State: running, stateName: "RUNNING"}, program{Group: "app", Name: "app", stateName: "STOPPED"}
	for _, c := range []struct {
		arguments supervisorArguments
		of        program
		want      string
	}{
		{supervisorArguments{Action: "restart"}, runs, "restart app"},
		{supervisorArguments{Action: "restart"}, stopped, "put app back to STOPPED"},
		{supervisorArguments{Action: "signal", Signal: "SIGHUP"}, runs, "signal SIGHUP app again"},
		{supervisorArguments{Action: "signal", Signal: "TERM"}, runs, "put app back to RUNNING"},
		{supervisorArguments{Action: "stop"}, runs, "put app back to RUNNING"},
	} {
		if got := c.arguments.undoOf(c.of); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.arguments.Action, c.arguments.Signal, got, c.want)
		}
	}
}
