package main

import (
	"fmt"
	"slices"
)

// report prints the medians, and how many times faster than the first contender each is.
func report(contenders []*contender) {
	fmt.Printf("\n%-18s %24s %24s %14s\n", "", "first", "update, 5 % changed", "peak memory")
	base := contenders[0]
	for _, one := range contenders {
		line := fmt.Sprintf("%-18s", one.name)
		for i, seconds := range one.seconds {
			middle := median(seconds)
			cell := fmt.Sprintf("%.2f s", middle)
			if one != base {
				cell += fmt.Sprintf("  (%.1f times)", median(base.seconds[i])/middle)
			}
			line += fmt.Sprintf(" %24s", cell)
		}
		if one.watch {
			line += fmt.Sprintf(" %10.1f MiB", float64(one.memory)/1024)
		}
		fmt.Println(line)
	}
	fmt.Printf("\nMedians of %d rounds, interleaved; each time is until all is on the disk.\n", len(base.seconds[0]))
}

func median(numbers []float64) float64 {
	sorted := slices.Sorted(slices.Values(numbers))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
