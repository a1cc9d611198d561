package expression

import (
	"strings"
	"testing"
	"text/template"

	"github.com/Masterminds/sprig/v3"

	"github.com/gwe-project/gwe/engine/fault"
)

var templateValues = map[string]any{
	"name": "firmware", "version": "v1.10", "port": 8080, "ratio": 0.5, "on": true, "empty": "",
	"hosts": []any{"b", "a", "b"}, "numbers": []any{3, 1, 2}, "site": map[string]any{"id": 7, "city": "Graz"},
}

func rendered(text string, functions template.FuncMap) (string, error) {
	parsed, err := template.New("t").Option("missingkey=error").Funcs(functions).Parse(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = parsed.Execute(&out, templateValues)
	return out.String(), err
}

// TestTemplateFunctionsAreSprigs: what both can do comes out the same.
func TestTemplateFunctionsAreSprigs(t *testing.T) {
	for _, text := range []string{
		`{{ trimPrefix "v" .version }} {{ .version | trimPrefix "v" | trimSuffix "0" }} {{ hasPrefix "v" .version }} {{ .version | hasSuffix "x" }}`,
		`{{ .name | upper | quote }} {{ title .name }} {{ .name | repeat 3 }} {{ repeat 2 "-" }} {{ replace "i" "!" .name }} {{ .name | replace "f" "g" }}`,
		`{{ join "," .hosts }} {{ .hosts | join " " }} {{ .numbers | join "-" }} {{ list 1 "a" true | join "," }} {{ .hosts | sortAlpha | uniq | join "," }}`,
		`{{ $parts := split "." .version }}{{ $parts._0 }}/{{ $parts._1 }} {{ (splitn "." 2 "a.b.c")._1 }} {{ splitList "." .version | last }}`,
		`{{ .empty | default "none" }} {{ .port | default 1 }} {{ default "x" .port }} {{ coalesce .empty "" "c" }} {{ ternary "a" 1 .on }} {{ empty .hosts }}`,
		`{{ add 1 2 .port }} {{ sub 5 2 }} {{ mul 2 3 }} {{ div 7 2 }} {{ mod 7 2 }} {{ add1 1 }} {{ max 1 5 3 }} {{ min 4 2 }} {{ round 3.14159 2 }} {{ floor 3.7 }} {{ ceil 3 }}`,
		`{{ range $i, $h := .hosts }}{{ $i }}={{ $h }};{{ end }} {{ range until 3 }}{{ . }}{{ end }} {{ range untilStep 6 0 -2 }}{{ . }}{{ end }} {{ until -3 }}`,
		`{{ $d := dict "a" 1 "b" (list 1 2) }}{{ $d.a }} {{ $d.b | toJson }} {{ $d | toJson }} {{ hasKey $d "a" }} {{ get $d "zz" }}| {{ keys $d | sortAlpha }} {{ values (dict "a" 5) }}`,
		`{{ dig "site" "city" "none" . }} {{ dig "site" "zip" "none" . }} {{ pluck "id" .site (dict "id" 8) }} {{ pick .site "id" | toJson }} {{ omit .site "id" | toJson }}`,
		`{{ "a\nb" | indent 2 }} {{ "a" | nindent 4 }} {{ wrap 3 "a b c d" }} {{ trunc 3 .name }} {{ trunc -3 .name }} {{ substr 1 3 .name }} {{ nospace " a b " }} {{ cat "a" 1 true }}`,
		`{{ b64enc .name }} {{ b64enc .name | b64dec }} {{ sha256sum .name }} {{ regexMatch "^f" .name }} {{ regexReplaceAll "[aeiou]" .name "_" }} {{ regexFind "w.*" .name }}`,
		`{{ has "a" .hosts }} {{ without .hosts "b" }} {{ first .numbers }} {{ rest .numbers }} {{ initial .numbers }} {{ reverse .numbers }} {{ append .numbers 9 }} {{ prepend .numbers 0 }} {{ concat .hosts .numbers }} {{ slice .numbers 1 2 }} {{ compact (list "" "a") }} {{ chunk 2 .numbers }}`,
		`{{ kindOf .port }} {{ kindOf .hosts }} {{ kindIs "map" .site }} {{ kindOf .ratio }} {{ deepEqual .hosts (list "b" "a" "b") }} {{ tuple 1 2 }} {{ contains "firm" .name }} {{ all .on .port }} {{ any .empty "" }}`,
		`{{ base "/a/b.c" }} {{ dir "/a/b.c" }} {{ ext "b.c" }} {{ clean "a//b" }} {{ isAbs "/a" }} {{ semverCompare ">1.2" "1.10.0" }} {{ snakecase "FirstName" }} {{ "x" | squote }} {{ int "12" }} {{ toString 5 }} {{ fromJson "{\"a\": [1]}" }}`,
	} {
		want, err := rendered(text, sprig.TxtFuncMap())
		if err != nil {
			t.Fatalf("sprig: %s: %v", text, err)
		}
		got, err := rendered(text, TemplateFunctions(nil, nil))
		if err != nil || got != want {
			t.Errorf("%s\n got %s\nwant %s\n(%v)", text, got, want, err)
		}
	}
}

func TestTemplateFunctionsRefuse(t *testing.T) {
	for text, want := range map[string]string{
		`{{ now }}`:                  `function "now" not defined`,
		`{{ env "HOME" }}`:           `function "env" not defined`,
		`{{ randAlpha 3 }}`:          `function "randAlpha" not defined`,
		`{{ genPrivateKey "rsa" }}`:  `function "genPrivateKey" not defined`,
		`{{ getHostByName "x" }}`:    `function "getHostByName" not defined`,
		`{{ set .site "a" 1 }}`:      `function "set" not defined`,
		`{{ .missing }}`:             `no entry for key "missing"`,
		`{{ .site.missing }}`:        `no entry for key "missing"`,
		`{{ int "12abc" }}`:          "is not a whole number",
		`{{ add 1 "2" }}`:            "add does not take (int, string)",
		`{{ upper 5 }}`:              "upper does not take (int)",
		`{{ upper }}`:                "upper does not take ()",
		`{{ div 1 0 }}`:              "division by zero",
		`{{ regexMatch "(" "a" }}`:   "(",
		`{{ repeat 999999999 "x" }}`: "makes too much",
		`{{ until 99999999 }}`:       "makes too much",
		`{{ indent 999999999 "x" }}`: "makes too much",
		`{{ range until 9999 }}{{ until 9999 }}{{ end }}`: "makes too much",
		`{{ untilStep 1 2 0 }}`:                           "steps of 0",
		`{{ dict "a" }}`:                                  "after every name",
		`{{ dict 1 2 }}`:                                  "names in dict",
		`{{ dig "a" "b" 5 }}`:                             "dig wants",
		`{{ fail "no site" }}`:                            "no site",
		`{{ fromJson "{" }}`:                              "not JSON",
	} {
		out, err := rendered(text, TemplateFunctions(nil, nil))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v; want %q", text, clipped(out), err, want)
		}
		if found := fault.As(err); found != nil && found.Class == fault.Errored {
			t.Errorf("%s: %v: a defect, not the template's fault", text, err)
		}
	}
}

func clipped(text string) string { return text[:min(len(text), 80)] }

// TestTemplateFunctionsAreAllowed: nothing of sprig's is there that expressions refuse for what it does.
func TestTemplateFunctionsAreAllowed(t *testing.T) {
	made := TemplateFunctions(nil, nil)
	for name := range made {
		if reason, left := LeftOut(name); left {
			t.Errorf("%s is there, and is left out: %s", name, reason)
		}
		if _, known := functions[name]; !known && templateFunctions[name].call == nil && sprigOrder[name].call == nil {
			t.Errorf("%s is in no table", name)
		}
	}
	for name := range sprig.TxtFuncMap() {
		_, there := made[name]
		_, left := LeftOut(name)
		if there == left && name != "hello" {
			t.Errorf("%s: there %v, left out %v", name, there, left)
		}
	}
	if reason, left := LeftOut("now"); !left || reason == "" {
		t.Error("nobody is told why there is no now")
	}
}
