package fetch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/pace"
)

// openRemote opens a Remote with a clock on which pauses take no time.
func openRemote(t testing.TB, access Access, order Order) (*Remote, func(p []byte, at int64) (int, error), error) {
	t.Helper()
	ctx := pace.With(t.Context(), &instant{})
	client, err := NewClient(ctx, access)
	if err != nil {
		t.Fatal(err)
	}
	remote, err := client.Remote(ctx, order)
	if err != nil {
		return nil, nil, err
	}
	t.Cleanup(remote.Close)
	return remote, remote.Within(ctx).ReadAt, nil
}

// TestRemoteReads: any part at any time; the beginning and the end cost one request each.
func TestRemoteReads(t *testing.T) {
	for _, size := range []int{0, 1, 100, headLength, headLength + 1, tailLength + 5, 700 << 10} {
		content := random(size)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", tag)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		}))
		defer server.Close()
		remote, read, err := openRemote(t, usualAccess(), usualOrder(t, server.URL))
		if size == 0 {
			if !NeedsWhole(err) {
				t.Errorf("an empty file: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if remote.Size() != int64(size) {
			t.Errorf("it has %d bytes, not %d", remote.Size(), size)
		}
		for _, at := range []int{0, 3, size / 2, size - 1, size - min(size, 20), size, size + 7} {
			for _, length := range []int{1, 5, size} {
				part := make([]byte, length)
				n, err := read(part, int64(at))
				want := content[min(at, size):min(at+length, size)]
				if !bytes.Equal(part[:n], want) || (n < length) != errors.Is(err, io.EOF) || err != nil && !errors.Is(err, io.EOF) {
					t.Fatalf("%d bytes at %d of %d: %d, %v", length, at, size, n, err)
				}
			}
		}
		before, _ := remote.Cost()
		for range 5 {
			if _, err := read(make([]byte, 10), int64(max(0, size-100))); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if _, err := read(make([]byte, 10), 0); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
		}
		if after, _ := remote.Cost(); after != before {
			t.Errorf("%d requests for what is held", after-before)
		}
	}
}

// TestRemoteKeepsItsConnection: the requests of one Remote go over one connection.
func TestRemoteKeepsItsConnection(t *testing.T) {
	content, connections := random(300<<10), map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connections[r.RemoteAddr] = true
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
	defer server.Close()
	remote, read, err := openRemote(t, usualAccess(), usualOrder(t, server.URL))
	if err != nil {
		t.Fatal(err)
	}
	for at := range 20 {
		if _, err := read(make([]byte, 100), int64(at*10_000)); err != nil {
			t.Fatal(err)
		}
	}
	if requests, fetched := remote.Cost(); len(connections) != 1 || requests < 20 || fetched > headLength+20*100+tailLength {
		t.Errorf("%d connections, %d requests, %d bytes", len(connections), requests, fetched)
	}
}

// TestRemoteOfBadServers: each is worked round, or ends in a fault; whole is one that the whole file cures.
func TestRemoteOfBadServers(t *testing.T) {
	content := random(500 << 10)
	length := len(content)
	// part answers with a range as it was asked for, with the head and the content that change makes of it.
	part := func(a asked, change func(head []string, body []byte) ([]string, []byte)) {
		first, last := 0, 0
		_, _ = fmt.Sscanf(a.Request.Header.Get("Range"), "bytes=%d-%d", &first, &last)
		last = min(last, length-1)
		body := bytes.Clone(content[first : last+1])
		head := []string{"ETag: " + tag, fmt.Sprintf("Content-Range: bytes %d-%d/%d", first, last, length)}
		if change != nil {
			head, body = change(head, body)
		}
		if !strings.Contains(strings.Join(head, " "), "Content-Length") {
			head = append(head, fmt.Sprintf("Content-Length: %d", len(body)))
		}
		a.head("206 Partial Content", append(head, "Connection: close")...)
		_, _ = a.Conn.Write(body)
	}
	good := func(a asked) { part(a, nil) }
	// later has the first answer, the one that opens the Remote, be good.
	later := func(bad func(a asked)) func(asked) {
		return func(a asked) {
			if a.number == 1 {
				good(a)
				return
			}
			bad(a)
		}
	}
	changed := func(change func(head []string, body []byte) ([]string, []byte)) func(asked) {
		return later(func(a asked) { part(a, change) })
	}
	status := func(line string, more ...string) func(asked) {
		return func(a asked) { a.head(line, append(more, "Content-Length: 0")...) }
	}
	for _, test := range []struct {
		name   string
		answer func(asked)
		code   string
		class  fault.Class
	}{
		{name: "good", answer: good},
		{name: "200 for a range", answer: func(a asked) { a.Request.Header.Del("Range"); a.good(content, tag) }, code: noRangesCode},
		{name: "200 for a later range", answer: later(func(a asked) { a.Request.Header.Del("Range"); a.good(content, tag) }), code: noRangesCode},
		{name: "416", answer: later(status("416 Range Not Satisfiable")), code: noRangesCode},
		{name: "206 of another place", answer: changed(func(head []string, body []byte) ([]string, []byte) {
			return []string{head[0], fmt.Sprintf("Content-Range: bytes 0-%d/%d", len(body)-1, length)}, body
		}), code: noRangesCode},
		{name: "206 without a range", answer: changed(func(head []string, body []byte) ([]string, []byte) { return head[:1], body }), code: noRangesCode},
		{name: "206 with two ranges", answer: changed(func(head []string, body []byte) ([]string, []byte) { return append(head, head[1]), body }), code: noRangesCode},
		{name: "206 with an unknown length", answer: changed(func(head []string, body []byte) ([]string, []byte) {
			return []string{head[0], strings.Replace(head[1], fmt.Sprint("/", length), "/*", 1)}, body
		}), code: noRangesCode},
		{name: "206 with another length", answer: changed(func(head []string, body []byte) ([]string, []byte) {
			return []string{head[0], head[1] + "0"}, body
		}), code: noRangesCode},
		{name: "206 with an absurd length", answer: changed(func(head []string, body []byte) ([]string, []byte) {
			return []string{head[0], head[1] + "00000000000000000000"}, body
		}), code: noRangesCode},
		{name: "206 of another file", answer: changed(func(head []string, body []byte) ([]string, []byte) {
			return []string{`ETag: "two"`, head[1]}, body
		}), code: noRangesCode},
		{name: "206 without the ETag", answer: changed(func(head []string, body []byte) ([]string, []byte) { return head[1:], body })},
		{name: "multipart", answer: changed(func(head []string, body []byte) ([]string, []byte) {
			return append(head, "Content-Type: multipart/byteranges; boundary=x"), body
		}), code: noRangesCode},
		{name: "gzip that was not asked for", answer: changed(func(head []string, body []byte) ([]string, []byte) {
			return append(head, "Content-Encoding: gzip"), body
		}), code: noRangesCode},
		{name: "a length that is not the range's", answer: changed(func(head []string, body []byte) ([]string, []byte) { return head, body[:len(body)-1] }), code: noRangesCode},
		{name: "longer than its range", answer: changed(func(head []string, body []byte) ([]string, []byte) {
			return append(head, "Transfer-Encoding: chunked", "X: Content-Length"), fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", len(body)+1, append(body, 'x'))
		}), code: noRangesCode},
		{name: "endless", answer: changed(func(head []string, body []byte) ([]string, []byte) {
			return append(head, "X: Content-Length"), append(body, body...)
		}), code: noRangesCode},
		{name: "cut short once", answer: func(a asked) {
			if a.number == 2 {
				part(a, func(head []string, body []byte) ([]string, []byte) {
					return append(head, fmt.Sprintf("Content-Length: %d", len(body))), body[:len(body)/2]
				})
				return
			}
			good(a)
		}},
		{name: "cut short always", answer: changed(func(head []string, body []byte) ([]string, []byte) {
			return append(head, fmt.Sprintf("Content-Length: %d", len(body))), body[:len(body)/2]
		}), code: "download-cut-short", class: fault.Failed},
		{name: "resets twice", answer: func(a asked) {
			if a.number == 2 || a.number == 3 {
				a.reset()
				return
			}
			good(a)
		}},
		{name: "stalls", answer: later(func(a asked) {
			a.head("206 Partial Content", fmt.Sprintf("Content-Range: bytes 200000-200999/%d", length), "Content-Length: 1000")
			a.gone()
		}), code: "download-stalled", class: fault.Failed},
		{name: "503 once", answer: func(a asked) {
			if a.number == 2 {
				status("503 Service Unavailable", "Retry-After: 2")(a)
				return
			}
			good(a)
		}},
		{name: "429 always", answer: later(status("429 Too Many Requests")), code: "download-server-busy", class: fault.Failed},
		{name: "404", answer: status("404 Not Found"), code: "download-not-found", class: fault.Failed},
		{name: "a redirect in a circle", answer: func(a asked) { a.head("302 Found", "Location: "+a.Request.URL.Path, "Content-Length: 0") }, code: "download-redirect-loop", class: fault.Failed},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, test.answer)
			access, order := usualAccess(), usualOrder(t, server.url)
			if test.name == "stalls" {
				access.LowSpeedTime, order.Attempts = time.Second/4, 1
			}
			_, read, err := openRemote(t, access, order)
			part := make([]byte, 1000)
			if err == nil {
				_, err = read(part, 200_000)
			}
			found := &fault.Fault{}
			errors.As(err, &found)
			if found.Code != test.code || test.class != "" && found.Class != test.class || NeedsWhole(err) != (test.code == noRangesCode) {
				t.Fatalf("%v: %s, %s", err, found.Code, found.Class)
			}
			if err == nil && !bytes.Equal(part, content[200_000:201_000]) {
				t.Error("the wrong bytes")
			}
		})
	}
}

// TestRemoteMirrors: a mirror takes over, and one that gives the whole file only is not forgotten.
func TestRemoteMirrors(t *testing.T) {
	content := random(200 << 10)
	ranges := serve(t, func(a asked) {
		var first, last int
		_, _ = fmt.Sscanf(a.Request.Header.Get("Range"), "bytes=%d-%d", &first, &last)
		last = min(last, len(content)-1)
		a.head("206 Partial Content", fmt.Sprintf("Content-Length: %d", last-first+1), fmt.Sprintf("Content-Range: bytes %d-%d/%d", first, last, len(content)))
		_, _ = a.Conn.Write(content[first : last+1])
	})
	none := serve(t, func(a asked) { a.Request.Header.Del("Range"); a.good(content, tag) })
	gone := serve(t, func(a asked) { a.head("404 Not Found", "Content-Length: 0") })
	_, read, err := openRemote(t, usualAccess(), usualOrder(t, none.url, gone.url, ranges.url))
	if err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 99)
	if _, err := read(part, 1234); err != nil || !bytes.Equal(part, content[1234:1333]) {
		t.Error(err)
	}
	for _, urls := range [][]string{{none.url, gone.url}, {gone.url, none.url}} {
		if _, _, err := openRemote(t, usualAccess(), usualOrder(t, urls...)); !NeedsWhole(err) {
			t.Errorf("%v", err)
		}
	}
	if _, _, err := openRemote(t, usualAccess(), usualOrder(t, "file:///etc/hostname")); err == nil || NeedsWhole(err) {
		t.Errorf("file: %v", err)
	}
}
