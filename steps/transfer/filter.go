package transfer

import (
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
)

// filter decides which names are copied and may be deleted. The first rule that matches counts; what none
// matches is included.
type filter []rule

// rule is one pattern of rsync's, as "INCLUDE/EXCLUDE PATTERN RULES" in rsync(1) tells.
type rule struct {
	include bool
	pattern string
	// directories is a pattern with a slash at its end, which is not in pattern: it matches directories
	// alone.
	directories bool
	// slashes are those in the pattern.
	slashes int
	// wild patterns have one of *?[; in others a backslash is a backslash.
	wild bool
	// deep has a ** somewhere, deepFirst at the beginning, whole a *** at the end.
	deep, deepFirst, whole bool
}

// parseFilter makes the rules of both lists; the includes come first.
func parseFilter(include, exclude []string) (filter, error) {
	var rules filter
	for i, list := range [][]string{include, exclude} {
		for _, pattern := range list {
			one, err := parseRule(pattern)
			if err != nil {
				return nil, err
			}
			one.include = i == 0
			rules = append(rules, one)
		}
	}
	return rules, nil
}

func parseRule(text string) (rule, error) {
	if text == "" || text == "!" || strings.HasPrefix(text, "+ ") || strings.HasPrefix(text, "- ") || strings.ContainsRune(text, 0) {
		return rule{}, fault.New(fault.Refused, "rsync-pattern", "%q is not a pattern", text).
			WithHint("write *.pyc or /var/ for example; whether it includes or excludes, the list tells in which it stands")
	}
	one := rule{pattern: text}
	if len(text) > 1 && strings.HasSuffix(text, "/") {
		one.directories, one.pattern = true, text[:len(text)-1]
	}
	one.slashes = strings.Count(one.pattern, "/")
	if one.wild = strings.ContainsAny(one.pattern, "*?["); one.wild {
		if at := strings.Index(one.pattern, "**"); at >= 0 {
			one.deep, one.deepFirst, one.whole = true, at == 0, strings.HasSuffix(one.pattern, "***")
		}
	}
	return one, nil
}

// excludes reports whether a path below the root of the tree is left alone. gwe's own hidden names are never
// copied nor deleted.
func (f filter) excludes(way string, directory bool) bool {
	if _, name := cutLast(way); durable.IsOwn(name) {
		return true
	}
	for _, one := range f {
		if one.matches(way, directory) {
			return !one.include
		}
	}
	return false
}

// matches is rule_matches of rsync's exclude.c.
func (r rule) matches(way string, directory bool) bool {
	if r.directories && !directory {
		return false
	}
	text := way
	if r.slashes == 0 && !r.deep {
		_, text = cutLast(way)
	} else if r.deepFirst {
		text = "/" + text // a leading **/ matches at the top too
	}
	if r.whole && directory {
		text += "/" // a trailing /*** matches the directory itself
	}
	pattern, anchored := strings.CutPrefix(r.pattern, "/")
	switch {
	case !r.wild && anchored:
		return text == pattern
	case !r.wild:
		return text == pattern || strings.HasSuffix(text, "/"+pattern)
	case !anchored && r.slashes > 0 && !r.deep:
		// It must match the last components, as many as it has itself.
		text, enough := lastComponents(text, r.slashes+1)
		return enough && wildmatch(pattern, text)
	case !anchored && r.deep && !r.deepFirst:
		return wildmatchAnywhere(pattern, text)
	}
	return wildmatch(pattern, text)
}

// lastComponents gives the last count components of a path, if it has so many.
func lastComponents(text string, count int) (string, bool) {
	for at := len(text) - 1; at >= 0; at-- {
		if text[at] == '/' {
			if count--; count == 0 {
				return text[at+1:], true
			}
		}
	}
	return text, count == 1
}
