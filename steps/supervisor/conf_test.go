package supervisor_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/steps/supervisor"
)

func TestRendered(t *testing.T) {
	got, err := supervisor.Rendered("app", []byte("\ufeff; an app\r\n[supervisord]\r\nCommand : /bin/app\r\nenvironment=A=\"1\",\r\n  B=\"2\"\r\n\r\n\t[program:x]\r\nredirect_stderr=false\n"+
		"stdout_logfile=/tmp/log\nstdout_logfile_backups = 7 ; seven\n"))
	want := "[program:app]\ncommand = /bin/app\nenvironment = A=\"1\",\n    B=\"2\"\n    [program:x]\nredirect_stderr = false\n" +
		"stdout_logfile = /tmp/log\nstdout_logfile_backups = 7 ; seven\nstdout_logfile_maxbytes = 200KB\n"
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
}

func TestConfRefused(t *testing.T) {
	cases := map[string]struct{ app, text, code, says string }{
		"a path":              {"../app", "[supervisord]\n", "supervisor-conf-app-invalid", "../app"},
		"hidden":              {".app", "[supervisord]\n", "supervisor-conf-app-invalid", ""},
		"no name":             {"", "[supervisord]\n", "supervisor-conf-app-invalid", ""},
		"a new line":          {"a\n[x]", "[supervisord]\n", "supervisor-conf-app-invalid", ""},
		"a bracket":           {"a]", "[supervisord]\n", "supervisor-conf-app-invalid", ""},
		"an expansion":        {"%(here)s", "[supervisord]\n", "supervisor-conf-app-invalid", ""},
		"a group":             {"a:b", "[supervisord]\n", "supervisor-conf-app-invalid", ""},
		"empty":               {"app", "", "supervisor-conf-invalid", "no section"},
		"another section":     {"app", "[program:app]\ncommand=x\n", "supervisor-conf-invalid", "line 1"},
		"a second section":    {"app", "[supervisord]\ncommand=x\n[unix_http_server]\nfile=/x\n", "supervisor-conf-invalid", "line 3"},
		"twice the section":   {"app", "[supervisord]\n[supervisord]\n", "supervisor-conf-invalid", "line 2"},
		"above the section":   {"app", "command=x\n[supervisord]\n", "supervisor-conf-invalid", "line 1"},
		"continues nothing":   {"app", "[supervisord]\n  command=x\n", "supervisor-conf-invalid", "line 2"},
		"indented section":    {"app", "  [supervisord]\ncommand=x\n", "supervisor-conf-invalid", "line 1"},
		"a carriage return":   {"app", "[supervisord]\ncommand=x\r[program:y]\n", "supervisor-conf-invalid", "control"},
		"a NUL":               {"app", "[supervisord]\ncommand=\x00\n", "supervisor-conf-invalid", "control"},
		"not UTF-8":           {"app", "[supervisord]\ncommand=\xff\n", "supervisor-conf-invalid", "UTF-8"},
		"no option":           {"app", "[supervisord]\ncommand\n", "supervisor-conf-invalid", "no ="},
		"an option's name":    {"app", "[supervisord]\nco mmand=x\n", "supervisor-conf-invalid", "name"},
		"an option twice":     {"app", "[supervisord]\ncommand=x\nCommand=y\n", "supervisor-conf-invalid", "line 3"},
		"junk behind section": {"app", "[supervisord] x\n", "supervisor-conf-invalid", "line 1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := supervisor.Rendered(c.app, []byte(c.text))
			if found := fault.As(err); found == nil || found.Code != c.code || found.Class != fault.Refused || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %s", err, c.code)
			}
		})
	}
}

// sections reads INI as supervisord does, and prints the sections and the names of their options.
const sections = `
import sys
from supervisor.options import UnhosedConfigParser
parser = UnhosedConfigParser()
parser.read_file(open(sys.argv[1], encoding="utf-8"))
print(*[s + " " + ",".join(sorted(parser.options(s))) for s in parser.sections()], sep="\n")
`

// FuzzRendered: whatever an app's file holds, what is written has one section and the options that were
// given.
func FuzzRendered(f *testing.F) {
	for _, seed := range []string{
		"[supervisord]\ncommand=/bin/app\n", "[supervisord]\na=b\n  [x]\n\n [y]\n", "[supervisord]\na=\n ;x\n #y\n b\nc: d = e ; f\n",
		"[supervisord]\ncommand=x\u2028[program:y]\n", "[supervisord]\ncommand=x\u0085[program:y]\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := supervisor.Rendered("app", text)
		if err != nil {
			return
		}
		for i, line := range bytes.Split(got, []byte("\n")) {
			if bytes.HasPrefix(line, []byte("[")) != (i == 0) {
				t.Errorf("a section in line %d:\n%s", i+1, got)
			}
		}
	})
}

// TestRenderedAsSupervisordReadsIt asks supervisord's own parser.
func TestRenderedAsSupervisordReadsIt(t *testing.T) {
	for _, text := range []string{
		"[supervisord]\na=b\n  [x]\n\n [y]\n  z=1\nc: d = e ; f\n", "[supervisord]\na=x\u2028[program:y]\nc=1\n", "[supervisord]\na=x\u0085[program:y]\nc=\n",
	} {
		got, err := supervisor.Rendered("app", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		file := t.TempDir() + "/conf"
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		read, err := exec.Command("/usr/bin/python3", "-c", sections, file).CombinedOutput()
		want := "program:app a,c,command,redirect_stderr,stdout_logfile,stdout_logfile_backups,stdout_logfile_maxbytes\n"
		if err != nil || string(read) != want {
			t.Errorf("%v: supervisord reads\n%sof\n%s", err, read, got)
		}
	}
}

// FuzzDecodeResponse: an answer is a value, a fault, or an error.
func FuzzDecodeResponse(f *testing.F) {
	for _, seed := range []string{
		"<?xml version='1.0'?><methodResponse><params><param><value><array><data><value><int>1</int></value><value><boolean>1</boolean></value>" +
			"<value>plain</value><value><struct><member><name>a</name><value><double>1.5</double></value></member></struct></value></data></array></value></param></params></methodResponse>",
		"<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>10</int></value></member><member><name>faultString</name><value><string>BAD_NAME: x</string></value></member></struct></value></fault></methodResponse>",
		"<methodResponse><params><param><value><string>\x1b[31mred\x07</string></value></param></params></methodResponse>", "<methodResponse/>", "", "<a",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		answer, err := supervisor.DecodeResponse(raw)
		if err != nil && answer != nil {
			t.Errorf("both an answer and an error: %v, %v", answer, err)
		}
	})
}

func TestDecodeResponse(t *testing.T) {
	const head, tail = "<methodResponse><params><param><value>", "</value></param></params></methodResponse>"
	for raw, want := range map[string]any{
		head + "<string>a\x1b[31m&lt;b</string>" + tail: "a?[31m<b",
		head + "plain" + tail:                           "plain",
		head + "<i4> 7 </i4>" + tail:                    7,
		head + "<boolean>0</boolean>" + tail:            false,
	} {
		if got, err := supervisor.DecodeResponse([]byte(raw)); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", raw, got, err, want)
		}
	}
	_, err := supervisor.DecodeResponse([]byte("<methodResponse><fault><value><struct></struct></value></fault></methodResponse>"))
	if err == nil || errors.Unwrap(err) != nil {
		t.Errorf("a fault without a code: %v", err)
	}
	if call := string(supervisor.EncodeCall("a", "<&>", 7, true)); !strings.Contains(call, "<string>&lt;&amp;&gt;</string>") || !strings.Contains(call, "<int>7</int>") || !strings.Contains(call, "<boolean>1</boolean>") {
		t.Errorf("the call is %s", call)
	}
}
