package check_test

import (
	"encoding/json"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/check"
	"github.com/gwe-project/gwe/steps/steptest"
)

func TestMain(m *testing.M) {
	steptest.Main(m, check.Assert(), check.Checksum(), check.DiskSpace(), check.WaitFor())
}

func TestAssertConforms(t *testing.T) {
	steptest.Run(t, steptest.Suite{
		Type:    check.Assert(),
		Arrange: func(testing.TB, string) map[string]any { return map[string]any{"that": true} },
	})
}

func TestAssertRefuses(t *testing.T) {
	for message, want := range map[string]string{
		"":        "the condition does not hold",
		"too old": "too old",
	} {
		arguments := map[string]any{"that": false}
		if message != "" {
			arguments["message"] = message
		}
		_, err := check.Assert().Do(t.Context(), &step.Run{}, arguments, json.RawMessage("{}"))
		found := fault.As(err)
		if found == nil || found.Class != fault.Refused || found.Code != "assert-failed" || found.Message != want {
			t.Errorf("message %q: %v", message, err)
		}
		plan, err := check.Assert().Plan(t.Context(), step.Local{}, arguments)
		if err != nil || plan.Do[0] != "refuse: "+want {
			t.Errorf("message %q: the plan is %+v, %v", message, plan, err)
		}
	}
	if _, err := check.Assert().Do(t.Context(), &step.Run{}, map[string]any{}, json.RawMessage("{}")); err == nil {
		t.Error("no condition, and no error")
	}
}
