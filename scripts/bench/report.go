package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// titles are the two installations that are measured.
var titles = [2]string{"first install", "update, 5 % of the files changed"}

// report is a Markdown table for each installation: medians, with the span of times, and how many times less
// time and processor time than the first contender each took.
func report(contenders []*contender) string {
	var b strings.Builder
	base := contenders[0]
	for i, title := range titles {
		fmt.Fprintf(&b, "\n| %s | time (s) | span (s) | times as fast | processor (s) | times less | peak memory (MiB) | written (MiB) | fetched (MiB) |\n", title)
		b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
		for _, one := range contenders {
			all := one.measured[i]
			seconds, cpu := middle(all, func(m measurement) float64 { return m.seconds }), middle(all, func(m measurement) float64 { return m.cpu })
			fetched := "–"
			if one.fetched != nil {
				fetched = fmt.Sprintf("%.1f", middle(all, func(m measurement) float64 { return float64(m.fetched) })/(1<<20))
			}
			bySeconds := func(a, b measurement) int { return cmp.Compare(a.seconds, b.seconds) }
			fmt.Fprintf(&b, "| %s | %.2f | %.2f–%.2f | %.1f | %.2f | %.1f | %.1f | %.1f | %s |\n", one.name,
				seconds, slices.MinFunc(all, bySeconds).seconds, slices.MaxFunc(all, bySeconds).seconds,
				ratio(base.measured[i], all, func(m measurement) float64 { return m.seconds }),
				cpu, ratio(base.measured[i], all, func(m measurement) float64 { return m.cpu }),
				middle(all, func(m measurement) float64 { return float64(m.memory) })/1024,
				middle(all, func(m measurement) float64 { return float64(m.written) })/(1<<20), fetched)
		}
	}
	return b.String()
}

// ratio is the median of the ratios of each round: one round's contenders met the same machine.
func ratio(base, other []measurement, of func(measurement) float64) float64 {
	ratios := make([]float64, len(other))
	for i := range other {
		ratios[i] = of(base[i]) / of(other[i])
	}
	return median(ratios)
}

func middle(all []measurement, of func(measurement) float64) float64 {
	numbers := make([]float64, len(all))
	for i := range all {
		numbers[i] = of(all[i])
	}
	return median(numbers)
}

func median(numbers []float64) float64 {
	sorted := slices.Sorted(slices.Values(numbers))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
