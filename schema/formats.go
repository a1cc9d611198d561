package schema

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/gwe-project/gwe/schema/rule"
)

// RenderGitHub writes diagnostics as workflow commands of GitHub Actions, which become annotations of a
// change.
func (d Diagnostics) RenderGitHub(to io.Writer) error {
	// The escapes of the runner's toolkit: properties hold no colons and commas either.
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	var text strings.Builder
	for _, one := range d {
		message := one.Message
		if one.Hint != "" {
			message += " (" + one.Hint + ")"
		}
		fmt.Fprintf(&text, "::%s file=%s,line=%d,col=%d,endColumn=%d,title=%s::%s\n",
			gitHubLevel(one.Severity), property.Replace(one.File), one.Line, one.Column, one.Column+one.Length, property.Replace(one.Rule), data.Replace(message))
	}
	_, err := io.WriteString(to, text.String())
	return err
}

// gitHubLevel is the workflow command of a severity.
func gitHubLevel(severity Severity) string {
	if severity == Note {
		return "notice"
	}
	return string(severity)
}

// RenderSARIF writes diagnostics as one run of SARIF 2.1.0 (OASIS), which code hosts and editors read. It
// carries the rules that are broken, from their catalog. Version is gwe's own.
func (d Diagnostics) RenderSARIF(to io.Writer, version string) error {
	results := make([]object, 0, len(d))
	rules := []object{}
	index := map[string]int{}
	for _, one := range d {
		at, known := index[one.Rule]
		if !known {
			at = len(rules)
			index[one.Rule] = at
			rules = append(rules, sarifRule(one.Rule))
		}
		message := one.Message
		if one.Hint != "" {
			message += ": " + one.Hint
		}
		results = append(results, object{
			"ruleId":    one.Rule,
			"ruleIndex": at,
			"level":     one.Severity,
			"message":   object{"text": message},
			"locations": []object{{"physicalLocation": object{
				"artifactLocation": object{"uri": (&url.URL{Path: one.File}).String()},
				"region":           object{"startLine": one.Line, "startColumn": one.Column, "endColumn": one.Column + one.Length},
			}}},
		})
	}
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(object{
		"$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		"version": "2.1.0",
		"runs": []object{{
			"tool":       object{"driver": object{"name": "gwe", "version": version, "rules": rules}},
			"columnKind": "unicodeCodePoints",
			"results":    results,
		}},
	})
}

// sarifRule describes a rule for SARIF.
func sarifRule(id string) object {
	made := object{"id": id}
	known, ok := rule.Find(id)
	if !ok {
		return made
	}
	level := Error
	switch {
	case known.Warning:
		level = Warning
	case known.Note:
		level = Note
	}
	help, markdown := known.Why, known.Why
	if known.Wrong != "" {
		help += "\n\nwrong:\n" + known.Wrong + "\nright:\n" + known.Right
		markdown += "\n\nWrong:\n\n```yaml\n" + known.Wrong + "```\n\nRight:\n\n```yaml\n" + known.Right + "```\n"
	}
	made["shortDescription"] = object{"text": known.Summary}
	made["fullDescription"] = object{"text": known.Why}
	made["help"] = object{"text": help, "markdown": markdown}
	made["defaultConfiguration"] = object{"level": level}
	return made
}
