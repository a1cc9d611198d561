package engine_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
)

func TestAResultMarshalsWithItsErrors(t *testing.T) {
	result := engine.Result{Run: "r", Status: engine.StatusBroken, Outputs: map[string]any{"version": "2"},
		Err: &engine.StepError{Step: engine.StepName{ID: "a", Type: "write", Path: "steps[0]"},
			Err: fault.New(fault.Failed, "no-space", "cannot write /opt/a").WithHint("make room")},
		Others: []error{errors.New("unknown")}}
	got, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"run":"r","status":"manual intervention required","exit_code":5,"outputs":{"version":"2"},"error":{"message":"` + result.Err.Error() +
		`","code":"no-space","hint":"make room","step":{"id":"a","type":"write","path":"steps[0]"}},"others":[{"message":"unknown"}]}`
	if string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
}
