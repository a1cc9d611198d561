//go:build editor

package schema_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tools is the directory node_modules that the suite editor of scripts/test has made.
func tools(t *testing.T) string {
	t.Helper()
	directory := os.Getenv("GWE_EDITOR_TOOLS")
	if directory == "" {
		t.Fatal("GWE_EDITOR_TOOLS is not set: scripts/test editor runs this")
	}
	return directory
}

// languageServer is the yaml-language-server, as an editor talks to it: the Language Server Protocol over its
// standard input and output.
type languageServer struct {
	t         *testing.T
	input     io.Writer
	last      int
	answers   chan message
	published chan published
	found     map[string][]finding // of published, by the document's address
}

type message struct {
	ID     json.RawMessage `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  json.RawMessage `json:"error,omitempty"`
}

type published struct {
	URI         string
	Diagnostics []finding
}

type finding struct {
	Range   struct{ Start struct{ Line, Character int } }
	Message string
}

func startLanguageServer(t *testing.T) *languageServer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute) // a server that hangs ends, and with it every answer
	t.Cleanup(cancel)
	command := exec.CommandContext(ctx, filepath.Join(tools(t), ".bin", "yaml-language-server"), "--stdio")
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	server := &languageServer{t: t, input: input, answers: make(chan message, 1), published: make(chan published, 1000), found: map[string][]finding{}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.listen(bufio.NewReader(output))
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		_ = command.Wait() // it was killed
	})
	server.ask("initialize", map[string]any{"processId": os.Getpid(), "rootUri": nil, "capabilities": map[string]any{
		"textDocument": map[string]any{"completion": map[string]any{"completionItem": map[string]any{
			"snippetSupport": true, "documentationFormat": []string{"markdown"},
		}}},
		"workspace": map[string]any{"configuration": true},
	}}, nil)
	server.send(message{Method: "initialized", Params: json.RawMessage("{}")})
	return server
}

// listen reads what the server says, until it ends.
func (s *languageServer) listen(from *bufio.Reader) {
	defer close(s.answers)
	defer close(s.published)
	for {
		header, err := textproto.NewReader(from).ReadMIMEHeader()
		if err != nil {
			return
		}
		length, err := strconv.Atoi(header.Get("Content-Length"))
		if err != nil {
			return
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(from, body); err != nil {
			return
		}
		var said message
		if json.Unmarshal(body, &said) != nil {
			return
		}
		switch {
		case said.Method == "textDocument/publishDiagnostics":
			var found published
			if json.Unmarshal(said.Params, &found) == nil {
				s.published <- found
			}
		case said.Method == "workspace/configuration":
			s.send(message{ID: said.ID, Result: configuration(said.Params)})
		case said.Method != "" && said.ID != nil:
			s.send(message{ID: said.ID, Result: json.RawMessage("null")})
		case said.Method == "":
			s.answers <- said
		}
	}
}

// configuration answers what the server asks of an editor's settings: the defaults, without its catalog of
// schemas on the web.
func configuration(asked json.RawMessage) json.RawMessage {
	var wanted struct{ Items []struct{ Section string } }
	_ = json.Unmarshal(asked, &wanted) // what is not understood gets no settings
	settings := make([]any, len(wanted.Items))
	for i, item := range wanted.Items {
		if item.Section == "yaml" {
			settings[i] = map[string]any{
				"validate": true, "hover": true, "completion": true, "schemaStore": map[string]any{"enable": false}, "schemas": map[string]any{},
			}
		}
	}
	answer, _ := json.Marshal(settings) // plain values
	return answer
}

func (s *languageServer) send(said message) {
	body, err := json.Marshal(struct {
		Version string `json:"jsonrpc"`
		message
	}{"2.0", said})
	if err == nil {
		_, _ = fmt.Fprintf(s.input, "Content-Length: %d\r\n\r\n%s", len(body), body) // a dead server gives no answer
	}
}

// ask sends a request, and reads its answer into result.
func (s *languageServer) ask(method string, parameters, result any) {
	s.t.Helper()
	s.last++
	s.tell(method, json.RawMessage(strconv.Itoa(s.last)), parameters)
	answer, alive := <-s.answers
	if !alive || answer.Error != nil || string(answer.ID) != strconv.Itoa(s.last) {
		s.t.Fatalf("%s: the language server runs: %t; it says %s", method, alive, answer.Error)
	}
	if result != nil {
		if err := json.Unmarshal(answer.Result, result); err != nil {
			s.t.Fatalf("%s: %v: %s", method, err, answer.Result)
		}
	}
}

func (s *languageServer) tell(method string, id json.RawMessage, parameters any) {
	s.t.Helper()
	encoded, err := json.Marshal(parameters)
	if err != nil {
		s.t.Fatal(err)
	}
	s.send(message{ID: id, Method: method, Params: encoded})
}

// document is a recipe that is open in the editor.
type document struct {
	server *languageServer
	uri    string
	text   string
}

// open opens a recipe.
func (s *languageServer) open(name, text string) document {
	s.t.Helper()
	file, err := filepath.Abs(name)
	if err != nil {
		s.t.Fatal(err)
	}
	opened := document{s, "file://" + file, text}
	s.tell("textDocument/didOpen", nil, map[string]any{"textDocument": map[string]any{
		"uri": opened.uri, "languageId": "yaml", "version": 1, "text": text,
	}})
	return opened
}

// findings are what the server finds wrong with a recipe.
func (d document) findings() []finding {
	d.server.t.Helper()
	for {
		if found, there := d.server.found[d.uri]; there {
			return found
		}
		more, alive := <-d.server.published
		if !alive {
			d.server.t.Fatalf("%s: the language server has ended", d.uri)
		}
		d.server.found[more.URI] = more.Diagnostics
	}
}

// at is the place after the first occurrence of a text, as a request names it.
func (d document) at(text string) map[string]any {
	d.server.t.Helper()
	before, _, found := strings.Cut(d.text, text)
	if !found {
		d.server.t.Fatalf("%q is not in %s", text, d.uri)
	}
	before += text
	line := strings.Count(before, "\n")
	return map[string]any{
		"textDocument": map[string]any{"uri": d.uri},
		"position":     map[string]any{"line": line, "character": len(before) - 1 - strings.LastIndex(before, "\n")},
	}
}

// completions are what the editor offers after a text, each with its docs.
func (d document) completions(text string) map[string]string {
	d.server.t.Helper()
	var list struct {
		Items []struct {
			Label         string
			Documentation json.RawMessage
		}
	}
	d.server.ask("textDocument/completion", d.at(text), &list)
	offered := map[string]string{}
	for _, item := range list.Items {
		offered[item.Label] = string(item.Documentation)
	}
	return offered
}

// hover is what the editor shows of the last character of a text.
func (d document) hover(text string) string {
	d.server.t.Helper()
	at := d.at(text)
	position := at["position"].(map[string]any)
	position["character"] = position["character"].(int) - 1
	var shown struct{ Contents struct{ Value string } }
	d.server.ask("textDocument/hover", at, &shown)
	return shown.Contents.Value
}
