package fetch

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
)

const tag = `"one"`

// half sends the first half of the file, with a whole head, and no more.
func half(a asked, content []byte, etag string) {
	a.head("200 OK", fmt.Sprintf("Content-Length: %d", len(content)), "ETag: "+etag)
	_, _ = a.Conn.Write(content[:len(content)/2])
}

// halfThen has the first answer cut short, and each later one given by another.
func halfThen(content []byte, etag string, rest func(a asked)) func(asked) {
	return func(a asked) {
		if a.number == 1 {
			half(a, content, etag)
			return
		}
		rest(a)
	}
}

// TestBadServers: each is worked round, or refused with a code and a class, and no wrong byte is handed out.
func TestBadServers(t *testing.T) {
	content := random(700 << 10)
	other := random(900 << 10)[200<<10:]
	length := len(content)
	whole := func(a asked) { a.good(content, tag) }
	flipped := bytes.Clone(content)
	flipped[length-10] ^= 1
	span := func(first, last, total int) string {
		return fmt.Sprintf("Content-Range: bytes %d-%d/%d", first, last, total)
	}
	status := func(line string, more ...string) func(asked) {
		return func(a asked) { a.head(line, append(more, "Content-Length: 0")...) }
	}
	for _, test := range []struct {
		name   string
		answer func(asked)
		// code is the fault that is expected; "" where it is worked round.
		code  string
		class fault.Class
		// blind is without a digest too: "" where that is as with one.
		blind string
		// requests is how often the server is asked with a digest, at most; 0 is any number.
		requests int
		order    func(*Order)
		access   func(*Access)
	}{
		{name: "truncates once", answer: halfThen(content, tag, whole), requests: 2},
		{name: "truncates always", answer: func(a asked) {
			first := max(0, a.offset())
			if first == 0 {
				half(a, content, tag)
				return
			}
			a.head("206 Partial Content", fmt.Sprintf("Content-Length: %d", length-first), span(first, length-1, length), "ETag: "+tag)
		}, code: "download-cut-short", class: fault.Failed},
		{name: "closes without an answer", answer: func(asked) {}, code: "download-unreachable", class: fault.Failed, requests: 6},
		{name: "stalls", answer: func(a asked) { half(a, content, tag); a.gone() }, code: "download-stalled", class: fault.Failed,
			access: func(a *Access) { a.LowSpeedTime = 2 * time.Second }, order: func(o *Order) { o.Attempts = 1 }},
		{name: "stalls before the head", answer: func(a asked) { a.gone() }, code: "download-unreachable", class: fault.Failed,
			access: func(a *Access) { a.LowSpeedTime = 500 * time.Millisecond }},
		{name: "stalls once", answer: func(a asked) {
			if a.number == 1 {
				half(a, content, tag)
				a.gone()
				return
			}
			whole(a)
		}, access: func(a *Access) { a.LowSpeedTime = 3 * time.Second }},
		{name: "resets", answer: halfThen(content, tag, func(a asked) {
			if a.number < 3 {
				a.reset()
				return
			}
			whole(a)
		})},
		{name: "resets at once, always", answer: func(a asked) { a.reset() }, code: "download-unreachable", class: fault.Failed},
		{name: "speaks another protocol", answer: func(a asked) { fmt.Fprint(a.Conn, "220 ftp ready\r\n") }, code: "download-unreachable", class: fault.Failed},
		{name: "an endless head", answer: func(a asked) {
			fmt.Fprint(a.Conn, "HTTP/1.1 200 OK\r\nX: ")
			for err := error(nil); err == nil; {
				_, err = a.Conn.Write(bytes.Repeat([]byte("x"), 1<<16))
			}
		}, code: "download-unreachable", class: fault.Failed},
		{name: "flips a byte once", answer: func(a asked) {
			if a.number == 1 {
				a.good(flipped, tag)
				return
			}
			whole(a)
		}, requests: 2, blind: "any"},
		{name: "flips a byte always", answer: func(a asked) { a.good(flipped, tag) }, code: "download-digest-wrong", class: fault.Refused, requests: 2, blind: "any"},
		{name: "flips a byte of the rest", answer: halfThen(content, tag, func(a asked) {
			if a.offset() > 0 {
				a.good(flipped, tag)
				return
			}
			whole(a)
		}), blind: "any"},
		{name: "200 for a range", answer: halfThen(content, tag, func(a asked) { a.Request.Header.Del("Range"); whole(a) }), requests: 2},
		{name: "a range from elsewhere", answer: halfThen(content, tag, func(a asked) {
			if first := a.offset(); first > 0 {
				a.head("206 Partial Content", fmt.Sprintf("Content-Length: %d", length-first+10), span(first-10, length-1, length), "ETag: "+tag)
				_, _ = a.Conn.Write(content[first-10:])
				return
			}
			whole(a)
		}), requests: 3},
		{name: "a range that ends early", answer: halfThen(content, tag, func(a asked) {
			if first := a.offset(); first > 0 {
				a.head("206 Partial Content", "Content-Length: 10", span(first, first+9, length), "ETag: "+tag)
				_, _ = a.Conn.Write(content[first : first+10])
				return
			}
			whole(a)
		}), requests: 3},
		{name: "a range with another length of the whole", answer: halfThen(content, tag, func(a asked) {
			if first := a.offset(); first > 0 {
				a.head("206 Partial Content", fmt.Sprintf("Content-Length: %d", length-first), span(first, length-1, length+1), "ETag: "+tag)
				_, _ = a.Conn.Write(content[first:])
				return
			}
			whole(a)
		})},
		{name: "a range whose length contradicts its head", answer: halfThen(content, tag, func(a asked) {
			if first := a.offset(); first > 0 {
				a.head("206 Partial Content", "Content-Length: 5", span(first, length-1, length), "ETag: "+tag)
				_, _ = a.Conn.Write(content[first : first+5])
				return
			}
			whole(a)
		})},
		{name: "a range without Content-Range", answer: halfThen(content, tag, func(a asked) {
			if first := a.offset(); first > 0 {
				a.head("206 Partial Content", fmt.Sprintf("Content-Length: %d", length-first), "ETag: "+tag)
				_, _ = a.Conn.Write(content[first:])
				return
			}
			whole(a)
		})},
		{name: "ranges in parts", answer: halfThen(content, tag, func(a asked) {
			if first := a.offset(); first > 0 {
				a.head("206 Partial Content", "Content-Type: multipart/byteranges; boundary=x", span(first, length-1, length), fmt.Sprintf("Content-Length: %d", length-first), "ETag: "+tag)
				_, _ = a.Conn.Write(content[first:])
				return
			}
			whole(a)
		})},
		{name: "206 of another file with another ETag", answer: halfThen(content, tag, func(a asked) {
			if first := a.offset(); first > 0 {
				a.head("206 Partial Content", fmt.Sprintf("Content-Length: %d", length-first), span(first, length-1, length), `ETag: "two"`)
				_, _ = a.Conn.Write(other[first:])
				return
			}
			whole(a)
		}), requests: 3},
		{name: "206 of another file without an ETag", answer: halfThen(content, tag, func(a asked) {
			if first := a.offset(); first > 0 {
				a.head("206 Partial Content", fmt.Sprintf("Content-Length: %d", length-first), span(first, length-1, length))
				_, _ = a.Conn.Write(other[first:])
				return
			}
			whole(a)
		}), requests: 3},
		{name: "206 that nobody asked for", answer: func(a asked) {
			a.head("206 Partial Content", fmt.Sprintf("Content-Length: %d", length), span(0, length-1, length))
			_, _ = a.Conn.Write(content)
		}, code: "download-answer-wrong", class: fault.Failed, requests: 1},
		{name: "the file changes", answer: halfThen(other, `"old"`, whole)},
		{name: "the file becomes shorter", answer: func(a asked) {
			if a.number == 1 {
				a.head("200 OK", "Content-Length: 2000000", `ETag: "old"`)
				_, _ = a.Conn.Write(random(length + 10))
				return
			}
			whole(a)
		}},
		{name: "no ETag", answer: halfThen(content, "", func(a asked) { a.good(content, "") })},
		{name: "a weak ETag", answer: halfThen(content, `W/"one"`, func(a asked) { a.good(content, `W/"one"`) })},
		{name: "an ETag that is none", answer: halfThen(content, "one", func(a asked) { a.good(content, "one") })},
		{name: "404", answer: status("404 Not Found"), code: "download-not-found", class: fault.Failed, requests: 1},
		{name: "404 for the rest", answer: halfThen(content, tag, status("404 Not Found")), code: "download-not-found", class: fault.Failed, requests: 2},
		{name: "410", answer: status("410 Gone"), code: "download-not-found", class: fault.Failed, requests: 1},
		{name: "401", answer: status("401 Unauthorized"), code: "download-denied", class: fault.Failed, requests: 1},
		{name: "418", answer: status("418 I'm a teapot"), code: "download-answer-wrong", class: fault.Failed, requests: 1},
		{name: "204", answer: status("204 No Content"), code: "download-answer-wrong", class: fault.Failed, requests: 1},
		{name: "304", answer: status("304 Not Modified"), code: "download-answer-wrong", class: fault.Failed, requests: 1},
		{name: "416 for the rest", answer: halfThen(content, tag, func(a asked) {
			if a.offset() > 0 {
				a.head("416 Range Not Satisfiable", "Content-Length: 0")
				return
			}
			whole(a)
		}), requests: 3},
		{name: "416 always", answer: status("416 Range Not Satisfiable"), code: "download-answer-wrong", class: fault.Failed, requests: 1},
		{name: "429, then right", answer: func(a asked) {
			if a.number == 1 {
				a.head("429 Too Many Requests", "Retry-After: 120", "Content-Length: 0")
				return
			}
			whole(a)
		}, requests: 2},
		{name: "429 always", answer: status("429 Too Many Requests", "Retry-After: 1"), code: "download-server-busy", class: fault.Failed, requests: 3},
		{name: "503 always", answer: status("503 Service Unavailable"), code: "download-server-busy", class: fault.Failed, requests: 3},
		{name: "a redirect to itself", answer: status("302 Found", "Location: /file"), code: "download-redirect-loop", class: fault.Failed, requests: MostRedirects + 1},
		{name: "a redirect to nowhere", answer: status("302 Found"), code: "download-redirect-refused", class: fault.Failed, requests: 1},
		{name: "a redirect to a file", answer: status("302 Found", "Location: file:///etc/passwd"), code: "download-redirect-refused", class: fault.Refused, requests: 1},
		{name: "an endless body", answer: func(a asked) {
			a.head("200 OK", "Transfer-Encoding: chunked")
			for err := error(nil); err == nil; {
				_, err = fmt.Fprintf(a.Conn, "%x\r\n%s\r\n", 1<<16, bytes.Repeat([]byte("x"), 1<<16))
			}
		}, code: "download-too-large", class: fault.Refused, order: func(o *Order) { o.MaxSize = 1 << 20 }},
		{name: "an endless body, and the size is known", answer: func(a asked) {
			a.head("200 OK", "Transfer-Encoding: chunked")
			for err := error(nil); err == nil; {
				_, err = fmt.Fprintf(a.Conn, "%x\r\n%s\r\n", 1<<16, bytes.Repeat([]byte("x"), 1<<16))
			}
		}, code: "download-size-wrong", class: fault.Refused, order: func(o *Order) { o.Size = int64(length) }},
		{name: "a length that is too much", answer: status("200 OK", "X: y"), code: "download-size-wrong", class: fault.Refused, order: func(o *Order) { o.Size = int64(length) }, requests: 1},
		{name: "more than there is space for", answer: whole, code: "download-no-space", class: fault.Refused, requests: 1,
			order: func(o *Order) { o.Space = func(string) (int64, error) { return 10, nil } }},
		{name: "chunks that are cut short", answer: func(a asked) {
			if a.number > 1 {
				whole(a)
				return
			}
			a.head("200 OK", "Transfer-Encoding: chunked")
			fmt.Fprintf(a.Conn, "%x\r\n%s\r\n", 1<<16, content[:1<<16])
		}},
		{name: "chunks", answer: func(a asked) {
			a.head("200 OK", "Transfer-Encoding: chunked")
			fmt.Fprintf(a.Conn, "%x\r\n%s\r\n0\r\n\r\n", length, content)
		}, requests: 1},
		{name: "the end of the connection as the end of the file", answer: func(a asked) {
			a.head("200 OK")
			_, _ = a.Conn.Write(content)
		}, requests: 1, blind: "download-length-unknown"},
		{name: "the end of the connection, too early once", answer: func(a asked) {
			a.head("200 OK")
			if a.number == 1 {
				_, _ = a.Conn.Write(content[:1000])
				return
			}
			_, _ = a.Conn.Write(content)
		}, requests: 2, blind: "download-length-unknown"},
		{name: "gzip that was not asked for", answer: func(a asked) {
			a.head("200 OK", fmt.Sprintf("Content-Length: %d", length), "Content-Encoding: gzip")
			_, _ = a.Conn.Write(flipped)
		}, code: "download-digest-wrong", class: fault.Refused, blind: "download-encoded"},
		{name: "gzip said of a file that is as wanted", answer: func(a asked) {
			a.head("200 OK", fmt.Sprintf("Content-Length: %d", length), "Content-Encoding: x-gzip")
			_, _ = a.Conn.Write(content)
		}, blind: "download-encoded"},
	} {
		run := func(t *testing.T, digests Digests, code string, counted bool) {
			server := serve(t, test.answer)
			order, access := usualOrder(t, server.url), usualAccess()
			order.Digests = digests
			if test.order != nil {
				test.order(&order)
			}
			if test.access != nil {
				test.access(&access)
			}
			got, clock, err := get(t, access, order)
			if found := fault.As(err); code == "" && err != nil || code != "" && (found == nil || found.Code != code || code == test.code && found.Class != test.class) {
				t.Fatalf("%v, expected %q as %s", err, code, test.class)
			}
			if found := fault.As(err); found != nil && found.Hint == "" {
				t.Errorf("no hint: %v", err)
			}
			if err == nil && !bytes.Equal(got, content) {
				t.Error("a wrong byte was handed out")
			}
			if many := len(server.requests()); counted && test.requests > 0 && many > test.requests {
				t.Errorf("the server was asked %d times, expected at most %d", many, test.requests)
			}
			if test.name == "429, then right" && clock.longest() != 2*time.Minute {
				t.Errorf("waited for %v: Retry-After was 2 minutes", clock.slept)
			}
		}
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			run(t, Digests{SHA256: digestOf(content)}, test.code, true)
		})
		if test.blind == "any" {
			continue
		}
		t.Run(test.name+", without a digest", func(t *testing.T) {
			t.Parallel()
			code := test.code
			if test.blind != "" {
				code = test.blind
			}
			run(t, Digests{}, code, false)
		})
	}
}

// TestRedirectToHTTP: a redirect from https to http is refused, and credentials stay with the host.
func TestRedirectToHTTP(t *testing.T) {
	content := random(1000)
	plain := serve(t, func(a asked) { a.good(content, tag) })
	redirecting := httptest.NewTLSServer(http.RedirectHandler(plain.url, http.StatusFound))
	defer redirecting.Close()
	access := usualAccess()
	access.CA = certificateOf(t, redirecting)
	_, _, err := get(t, access, usualOrder(t, redirecting.URL))
	if found := fault.As(err); found == nil || found.Code != "download-redirect-refused" || found.Class != fault.Refused {
		t.Errorf("%v", err)
	}
	if len(plain.requests()) > 0 {
		t.Error("it was asked by http")
	}
}

// TestCredentialsStay: another host than the recipe names gets none of them, by a redirect or as an http
// mirror.
func TestCredentialsStay(t *testing.T) {
	content := random(1000)
	foreign := serve(t, func(a asked) { a.good(content, tag) })
	named := serve(t, func(a asked) { a.head("302 Found", "Location: "+foreign.url, "Content-Length: 0") })
	for name, access := range map[string]Access{
		"user":    {User: "u", Password: "secret"},
		"token":   {Token: "secret"},
		"headers": {Headers: map[string]string{"X-Key": "secret", "Cookie": "secret"}},
	} {
		usual := usualAccess()
		access.Connect, access.LowSpeedTime = usual.Connect, usual.LowSpeedTime
		got, _, err := get(t, access, usualOrder(t, named.url))
		if err != nil || !bytes.Equal(got, content) {
			t.Fatal(name, err)
		}
		first, last := named.requests()[len(named.requests())-1], foreign.requests()[len(foreign.requests())-1]
		if len(first.Header) <= len(last.Header) {
			t.Errorf("%s: the host that is named was not sent it: %v", name, first.Header)
		}
		for header := range last.Header {
			if header != "User-Agent" && header != "Accept" && header != "Accept-Encoding" && header != "Connection" {
				t.Errorf("%s: the other host was sent %s", name, header)
			}
		}
	}
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	access := usualAccess()
	access.Token, access.CA = "secret", certificateOf(t, secure)
	if _, _, err := get(t, access, usualOrder(t, secure.URL, foreign.url)); err != nil {
		t.Fatal(err)
	}
	if last := foreign.requests()[len(foreign.requests())-1]; last.Header.Get("Authorization") != "" {
		t.Error("a token for https went to a mirror by http")
	}
}
