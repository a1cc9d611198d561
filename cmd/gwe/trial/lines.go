package trial

import (
	"slices"
	"strings"
)

// lineDifference shows how one text became another: a line that went after "-", one that came after "+", and
// one line that stayed around them.
func lineDifference(was, is string) string {
	a, b := lines(was), lines(is)
	var shown []string
	for _, one := range script(a, b) {
		shown = append(shown, string(one.sign)+one.text)
	}
	near := func(i int) bool {
		return slices.ContainsFunc(shown[max(i-1, 0):min(i+2, len(shown))], func(line string) bool { return line[0] != ' ' })
	}
	var text []string
	for i, line := range shown {
		switch {
		case near(i):
			text = append(text, line)
		case i > 0 && near(i-1):
			text = append(text, " ...")
		}
	}
	return strings.Join(text, "\n")
}

// lines takes a text apart; a last line without an end says so.
func lines(text string) []string {
	if text == "" {
		return nil
	}
	all := strings.Split(text, "\n")
	if last := len(all) - 1; all[last] == "" {
		return all[:last]
	}
	return append(all, `(no newline at the end)`)
}

type edit struct {
	sign rune
	text string
}

// script is the shortest way from a to b. It takes time and memory with the product of their lengths, which
// are those of small files.
func script(a, b []string) []edit {
	// common[i][j] is the length of the longest common part of a[i:] and b[j:].
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i, line := range slices.Backward(a) {
		for j, other := range slices.Backward(b) {
			if line == other {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var edits []edit
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			edits = append(edits, edit{' ', a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			edits = append(edits, edit{'-', a[i]})
			i++
		default:
			edits = append(edits, edit{'+', b[j]})
			j++
		}
	}
	return edits
}
