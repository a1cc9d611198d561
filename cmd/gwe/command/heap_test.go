package command

import "testing"

func TestGrowth(t *testing.T) {
	for live, want := range map[uint64]int{0: 400, 1 << 20: 200, 2 << 20: 100, 4 << 20: 50, 5 << 20: 40, 10 << 20: heapGrowth, 1 << 40: heapGrowth} {
		if got := growth(live); got != want {
			t.Errorf("%d live bytes: %d percent, want %d", live, got, want)
		}
	}
}
