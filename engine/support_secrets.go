package engine

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/regular"
)

// secretLines are the lines of the values of secret inputs, as far as they can be told from ordinary words.
func (r runFolder) secretLines() []string {
	entries, _ := os.ReadDir(filepath.Join(string(r), "secrets"))
	var lines []string
	for _, entry := range entries {
		text, err := regular.Read(r.secret(entry.Name()))
		var v any
		if err != nil || json.Unmarshal(text, &v) != nil {
			continue
		}
		for _, value := range stringsIn(v) {
			lines = append(lines, disguises(value)...)
			for line := range strings.SplitSeq(value, "\n") {
				if line = strings.TrimSuffix(line, "\r"); len(line) >= shortestSecret {
					lines = append(lines, disguises(line)...)
				}
			}
		}
	}
	return lines
}

// shortestSecret is how many bytes a secret has at least that is looked for: shorter ones are ordinary words, too.
const shortestSecret = 6

// disguises are the forms in which a text may show: as it is, in JSON, in base64 wherever it begins there, in hexadecimal, in a URL.
func disguises(secret string) []string {
	if len(secret) < shortestSecret {
		return nil
	}
	forms := []string{secret, hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))), url.QueryEscape(secret), url.PathEscape(secret)}
	for _, escaped := range []bool{false, true} {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(escaped)
		if encoder.Encode(secret) == nil {
			forms = append(forms, strings.Trim(strings.TrimSpace(text.String()), `"`))
		}
	}
	for skip := range 3 {
		if whole := (len(secret) - skip) / 3 * 3; whole >= shortestSecret {
			part := []byte(secret[skip : skip+whole])
			forms = append(forms, base64.RawStdEncoding.EncodeToString(part), base64.RawURLEncoding.EncodeToString(part))
		}
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(forms)
}

func stringsIn(v any) []string {
	var found []string
	switch v := v.(type) {
	case string:
		found = append(found, v)
	case []any:
		for _, item := range v {
			found = append(found, stringsIn(item)...)
		}
	case map[string]any:
		for _, member := range v {
			found = append(found, stringsIn(member)...)
		}
	}
	return found
}
