package schema

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// libraryMessage takes an error of the YAML library apart: there is no column.
var libraryMessage = regexp.MustCompile(`(?s)^(?:yaml: )?(?:line (\d+): )?(.*)$`)

// syntax reports a file that is not YAML. The library says what it stumbled over; a scan of the lines finds
// what its author did.
func (p *parser) syntax(err error) {
	if strings.Contains(err.Error(), "exceeded max depth") {
		p.fail(Span{Position: Position{1, 1}}, "too-deep", fmt.Sprintf("a recipe is at most %d levels deep", maxDepth), "move the inner part up")
		return
	}
	scan := scanner{source: p.source, anchors: map[string]bool{}}
	scan.run()
	for _, found := range scan.traps {
		p.fail(found.at, "syntax", found.message, found.hint)
	}
	if len(scan.traps) > 0 {
		return
	}
	parts := libraryMessage.FindStringSubmatch(err.Error())
	line, _ := strconv.Atoi(parts[1])
	if strings.HasPrefix(parts[2], "did not find expected ") {
		line++ // what the library's parser says, not its scanner
	}
	line = min(max(line, 1), p.source.lines())
	text := string(p.source.line(line))
	content := strings.TrimLeft(text, " ")
	at := p.source.starts[line-1] + len(text) - len(content)
	p.fail(p.source.span(at, at+len(content)), "syntax", "this is not YAML, here or nearby: "+parts[2],
		"check the indentation, the quotes and the brackets of this line and the next")
}
