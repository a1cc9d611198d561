package command

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// plain words need no quotes to be read as one.
var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// quoted shows arguments on one line, for people: as one would type them into a shell.
func quoted(arguments []string) string {
	words := make([]string, 0, len(arguments))
	for _, argument := range arguments {
		switch {
		case plain.MatchString(argument):
			words = append(words, argument)
		case strings.ContainsFunc(argument, func(r rune) bool { return !unicode.IsPrint(r) }):
			words = append(words, "$"+strconv.Quote(argument))
		default:
			words = append(words, "'"+strings.ReplaceAll(argument, "'", `'\''`)+"'")
		}
	}
	return strings.Join(words, " ")
}
