package value

import "strings"

// Closest gives the candidate that a misspelt name most likely meant: an edit distance under 3, and in a
// short name only one, the first of equals, without regard to case or to - and _. It gives "" where none is
// close.
func Closest(name string, candidates []string) string {
	best, bestDistance := "", 3
	folded := foldName(name)
	for _, candidate := range candidates {
		distance := editDistance(folded, foldName(candidate), bestDistance)
		if distance < bestDistance && 3*distance <= len(folded)+1 {
			best, bestDistance = candidate, distance
		}
	}
	return best
}

func foldName(name string) string { return strings.ReplaceAll(strings.ToLower(name), "-", "_") }

// editDistance counts insertions, deletions, replacements and swaps of neighbours; it may stop early at the
// limit.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, previous := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current := make([]int, len(b)+1)
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous = previous, current
	}
	return previous[len(b)]
}
