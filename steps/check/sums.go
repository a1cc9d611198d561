package check

import (
	"regexp"
	"strings"
)

// sum is one line of a list of checksums; algorithm is "" where the line does not say.
type sum struct{ digest, name, algorithm string }

var (
	// plainSum is "DIGEST  NAME", or with * before the name for binary.
	plainSum = regexp.MustCompile(`^(\\?)([0-9A-Fa-f]{32,128}) [ *](.+)$`)
	// taggedSum is "SHA256 (NAME) = DIGEST".
	taggedSum = regexp.MustCompile(`^(\\?)(MD5|SHA1|SHA256|SHA512) \((.+)\) = ([0-9A-Fa-f]{32,128})$`)
	// escaped are the names of a line that starts with a backslash.
	escaped = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r")
)

// parseSums reads a list as sha256sum and its like write it. As sha256sum itself does, it passes over lines
// that are something else.
func parseSums(text string) []sum {
	var all []sum
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		var one sum
		mark := ""
		if found := plainSum.FindStringSubmatch(line); found != nil {
			mark, one = found[1], sum{digest: found[2], name: found[3]}
		} else if found := taggedSum.FindStringSubmatch(line); found != nil {
			mark, one = found[1], sum{digest: found[4], name: found[3], algorithm: strings.ToLower(found[2])}
		} else {
			continue
		}
		if mark != "" {
			one.name = escaped.Replace(one.name)
		}
		all = append(all, one)
	}
	return all
}
