package command

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// heapGrowth is by how many percent the heap may grow before it is collected. What gwe keeps is small, so
	// collecting it often costs little, and a walk over 200,000 files stays within 32 MiB. There is no limit
	// besides: a recipe that needs more than it, one of 10,000 steps, would be collected without end.
	heapGrowth = 30
	// heapFree is what the heap may grow by at least, in bytes. Most runs keep less than 2 MiB, and would be
	// collected for each half MiB that a step uses.
	heapFree = 2 << 20
)

// collected is an object that nothing refers to: the runtime finalizes it after each collection.
type collected struct{ live [1]metrics.Sample }

// pace sets how far the heap may grow, now and after each collection.
func (c *collected) pace() {
	c.live[0].Name = "/gc/heap/live:bytes"
	metrics.Read(c.live[:])
	debug.SetGCPercent(growth(c.live[0].Value.Uint64()))
	runtime.SetFinalizer(c, (*collected).pace)
}

// growth is by how many percent a heap with so many live bytes may grow.
func growth(live uint64) int {
	const most = 400 // what little there is at the start tells nothing
	return int(min(max(heapGrowth, 100*heapFree/max(live, 1)), most))
}
