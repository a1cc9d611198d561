package schema

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// RenderGitHub writes diagnostics as workflow commands of GitHub Actions, which become annotations of a change.
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
			one.Severity, property.Replace(one.File), one.Line, one.Column, one.Column+one.Length, property.Replace(one.Rule), data.Replace(message))
	}
	_, err := io.WriteString(to, text.String())
	return err
}

// RenderSARIF writes diagnostics as one run of SARIF 2.1.0, which code hosts and editors read. Version is gwe's own.
func (d Diagnostics) RenderSARIF(to io.Writer, version string) error {
	results := make([]object, 0, len(d))
	for _, one := range d {
		message := one.Message
		if one.Hint != "" {
			message += ": " + one.Hint
		}
		results = append(results, object{
			"ruleId":  one.Rule,
			"level":   one.Severity,
			"message": object{"text": message},
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
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json",
		"version": "2.1.0",
		"runs": []object{{
			"tool":       object{"driver": object{"name": "gwe", "version": version}},
			"columnKind": "unicodeCodePoints",
			"results":    results,
		}},
	})
}
