package value_test

import (
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// A file of inputs means what is written in it, by the type of each input.
func TestDocumentsAreReadByTheirType(t *testing.T) {
	documents, err := value.ReadDocuments([]byte(`
number: 1.10
octal: 0644
hex: 0x1F
big: 12345678901234567890123
flag: True
old: yes
date: 2024-01-02
quoted: "1.10"
flow: "[a, b]"
list: &l [1.10, 2]
again: *l
map: { a: 1.10 }
nothing: ~
int: 5
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, typ, want string }{
		{"number", "version", "1.10"}, {"number", "string", "1.10"}, {"number", "float", "1.1"}, {"number", "int", "!"},
		{"octal", "string", "0644"}, {"octal", "int", "!"}, {"hex", "string", "0x1F"}, {"hex", "int", "!"}, {"big", "string", "12345678901234567890123"}, {"big", "int", "!"},
		{"flag", "bool", "true"}, {"old", "bool", "!"}, {"old", "string", "yes"}, {"date", "string", "2024-01-02"},
		{"quoted", "version", "1.10"}, {"quoted", "float", "1.1"}, {"flow", "list<string>", `["a","b"]`},
		{"list", "list<version>", `["1.10","2"]`}, {"list", "list<string>", `["1.10","2"]`}, {"list", "list<float>", "[1.1,2.0]"}, {"again", "list<version>", `["1.10","2"]`},
		{"map", "map<string>", `{"a":"1.10"}`}, {"nothing", "string", "!"}, {"int", "float", "5"}, {"int", "duration", "!"}, {"int", "list<int>", "!"},
	} {
		typ, err := value.ParseType(test.typ)
		if err != nil {
			t.Fatal(err)
		}
		got, err := documents[test.name].As(typ)
		switch found := fault.As(err); {
		case test.want == "!" && found == nil:
			t.Errorf("%s as %s is %v, %v", test.name, test.typ, got, err)
		case test.want != "!" && (err != nil || value.Text(got) != test.want):
			t.Errorf("%s as %s is %s, %v; want %s", test.name, test.typ, value.Text(got), err, test.want)
		}
	}
	for text, want := range map[string]string{
		"":                       "",
		"~":                      "",
		"[a]":                    "mapping",
		"a: 1\n---\nb: 2\n":      "one YAML document",
		"a: 1\na: 2\n":           "already defined",
		"a: &a [*a]\n":           "contains itself",
		"a: [":                   "line 1",
		"{ [a]: 1 }":             "map",
		"a: &a 1.10\nb: [*a]\n}": "line",
	} {
		if _, err := value.ReadDocuments([]byte(text)); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// Where any value may stand, a number that is another text when it is written back is refused.
func TestNumbersThatChange(t *testing.T) {
	anyList := value.ListOf(value.Of(value.KindAny))
	for text, want := range map[string]string{
		"1.10": `YAML reads 1.10 as the number 1.1`, "1.0": `YAML reads 1.0 as the number 1`, "0x1F": "YAML reads 0x1F as the number 31", "1e3": "YAML reads 1e3 as the number 1000",
		"-0": "YAML reads -0 as the number 0", "1_000": "YAML reads 1_000 as the number 1000", "0o17": "YAML reads 0o17 as the number 15",
		"1.5": "", "-1.5": "", "0": "", "17": "", "1e+21": "", `"1.10"`: "", "abc": "", "2024-01-02": "", "True": "", "~": "",
	} {
		_, err := value.Parse(anyList, "["+text+"]")
		if found := fault.As(err); (err == nil) != (want == "") || found != nil && (!strings.Contains(found.Message, want) || found.Hint == "") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
