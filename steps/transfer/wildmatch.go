package transfer

import "strings"

// outcome is how an attempt to match ended. Those that abort keep the search short: they say that no later
// start can match either, or none before a ** of the pattern.
type outcome int

const (
	mismatch outcome = iota
	match
	abortAll
	abortToStarStar
)

// wildmatch reports whether a pattern with *, **, ?, [...] and \ matches a whole text, as rsync's
// lib/wildmatch.c does: * and ? match no slash, ** matches all.
func wildmatch(pattern, text string) bool { return attempt(pattern, text) == match }

// wildmatchAnywhere also tries after every slash of the text.
func wildmatchAnywhere(pattern, text string) bool {
	result := attempt(pattern, text)
	for result != match && result != abortAll {
		at := strings.IndexByte(text, '/')
		if at < 0 {
			return false
		}
		text = text[at+1:]
		if result = attempt(pattern, text); result == abortToStarStar {
			return false
		}
	}
	return result == match
}

func attempt(pattern, text string) outcome {
	for ; pattern != ""; pattern = pattern[1:] {
		if text == "" && pattern[0] != '*' {
			return abortAll
		}
		switch pattern[0] {
		case '?':
			if text[0] == '/' {
				return mismatch
			}
		case '*':
			return star(pattern[1:], text)
		case '[':
			rest, result := class(pattern, text[0])
			if result != match {
				return result
			}
			pattern = rest
		case '\\':
			if pattern = pattern[1:]; pattern == "" || pattern[0] != text[0] {
				return mismatch
			}
		default:
			if pattern[0] != text[0] {
				return mismatch
			}
		}
		text = text[1:]
	}
	if text != "" {
		return mismatch
	}
	return match
}

// star continues after a first *.
func star(pattern, text string) outcome {
	deep := strings.HasPrefix(pattern, "*")
	pattern = strings.TrimLeft(pattern, "*")
	if pattern == "" {
		if !deep && strings.Contains(text, "/") {
			return mismatch
		}
		return match
	}
	for ; text != ""; text = text[1:] {
		if result := attempt(pattern, text); result != mismatch {
			if !deep || result != abortToStarStar {
				return result
			}
		} else if !deep && text[0] == '/' {
			return abortToStarStar
		}
	}
	return abortAll
}

// class matches one byte with the [...] at the beginning of the pattern, and gives the pattern from its ] on.
//
//nolint:gocyclo // the cases of the wildmatch of rsync, in its order
func class(pattern string, char byte) (rest string, result outcome) {
	at := 1
	byteAt := func(i int) byte {
		if i < len(pattern) {
			return pattern[i]
		}
		return 0
	}
	negated := byteAt(at) == '!' || byteAt(at) == '^'
	if negated {
		at++
	}
	found := false
	var before byte
	for {
		now := byteAt(at)
		switch {
		case now == 0:
			return "", abortAll
		case now == '\\':
			at++
			if now = byteAt(at); now == 0 {
				return "", abortAll
			}
			found = found || now == char
		case now == '-' && before != 0 && byteAt(at+1) != 0 && byteAt(at+1) != ']':
			at++
			if now = byteAt(at); now == '\\' {
				at++
				if now = byteAt(at); now == 0 {
					return "", abortAll
				}
			}
			found = found || before <= char && char <= now
			now = 0
		case now == '[' && byteAt(at+1) == ':':
			end := strings.IndexByte(pattern[at+2:], ']')
			if end < 0 {
				return "", abortAll
			}
			name := pattern[at+2 : at+2+end]
			if !strings.HasSuffix(name, ":") {
				found = found || char == '[' // an ordinary set after all
				break
			}
			belongs, known := inClass(strings.TrimSuffix(name, ":"), char)
			if !known {
				return "", abortAll
			}
			found = found || belongs
			at += 2 + end
			now = 0
		default:
			found = found || now == char
		}
		before = now
		if at++; byteAt(at) == ']' {
			break
		}
	}
	if found == negated || char == '/' {
		return "", mismatch
	}
	return pattern[at:], match
}

// inClass is a class of POSIX in the C locale.
//
//nolint:gocyclo // one case for each class
func inClass(name string, c byte) (belongs, known bool) {
	lower, upper, digit := 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9'
	graph := 0x20 < c && c < 0x7f
	switch name {
	case "alnum":
		return lower || upper || digit, true
	case "alpha":
		return lower || upper, true
	case "blank":
		return c == ' ' || c == '\t', true
	case "cntrl":
		return c < 0x20 || c == 0x7f, true
	case "digit":
		return digit, true
	case "graph":
		return graph, true
	case "lower":
		return lower, true
	case "print":
		return graph || c == ' ', true
	case "punct":
		return graph && !lower && !upper && !digit, true
	case "space":
		return c == ' ' || '\t' <= c && c <= '\r', true
	case "upper":
		return upper, true
	case "xdigit":
		return digit || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F', true
	}
	return false, false
}
