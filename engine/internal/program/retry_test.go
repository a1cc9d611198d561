package program

import (
	"testing"
	"time"
)

func TestPause(t *testing.T) {
	tests := []struct {
		name   string
		policy patience
		want   []time.Duration
	}{
		{"none", patience{factor: 1}, []time.Duration{0, 0, 0}},
		{"fixed", patience{delay: time.Second, factor: 1}, []time.Duration{time.Second, time.Second}},
		{"growing", patience{delay: time.Second, factor: 2}, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}},
		{"capped", patience{delay: time.Second, factor: 10, maxDelay: 5 * time.Second}, []time.Duration{time.Second, 5 * time.Second, 5 * time.Second}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for i, want := range test.want {
				if got := test.policy.Pause(i + 1); got != want {
					t.Errorf("behind attempt %d: %v, want %v", i+1, got, want)
				}
			}
		})
	}
}

func TestJitterStaysBelowTheDelay(t *testing.T) {
	policy := patience{delay: time.Second, factor: 1, jitter: 0.5}
	var varied bool
	for range 200 {
		pause := policy.Pause(1)
		if pause < time.Second/2 || pause > time.Second {
			t.Fatalf("%v lies outside half a second and a second", pause)
		}
		varied = varied || pause != policy.Pause(1)
	}
	if !varied {
		t.Error("jitter varies nothing")
	}
}
