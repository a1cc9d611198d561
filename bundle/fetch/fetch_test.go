package fetch

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// certificateOf writes the certificate of a test server where an Access finds it.
func certificateOf(t testing.TB, server *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	return path
}

// TestResume: the next order asks for the rest alone, whatever ended the one before.
func TestResume(t *testing.T) {
	content := random(600 << 10)
	for _, test := range []struct {
		name    string
		digests Digests
		harm    func(t *testing.T, path string)
		// resumed says that the second order asks for a range.
		resumed bool
	}{
		{name: "with a digest", digests: Digests{SHA256: digestOf(content)}, resumed: true},
		{name: "by ETag", resumed: true},
		{name: "the note is gone", harm: func(t *testing.T, path string) { must(t, os.Remove(path+noteSuffix)) }},
		{name: "the note is damaged", harm: func(t *testing.T, path string) { must(t, os.WriteFile(path+noteSuffix, []byte("{}"), 0o600)) }},
		{name: "the note is of another version", harm: func(t *testing.T, path string) {
			must(t, os.WriteFile(path+noteSuffix, seal([]byte(`{"version":9}`)), 0o600))
		}},
		{name: "the content is gone", harm: func(t *testing.T, path string) { must(t, os.Remove(path+partialSuffix)) }},
		{name: "the content is shorter", resumed: true, harm: func(t *testing.T, path string) { must(t, os.Truncate(path+partialSuffix, 1000)) }},
		{name: "the content is damaged", digests: Digests{SHA256: digestOf(content)}, resumed: true, harm: func(t *testing.T, path string) {
			must(t, os.WriteFile(path+partialSuffix, make([]byte, 300<<10), 0o600))
		}},
		{name: "another boot, and nothing was synced", harm: func(t *testing.T, path string) {
			text, err := os.ReadFile(path + noteSuffix)
			must(t, err)
			read, err := parseNote(text)
			must(t, err)
			read.Boot = "another"
			text, err = read.text()
			must(t, err)
			must(t, os.WriteFile(path+noteSuffix, text, 0o600))
		}},
		{name: "the content has a second name", harm: func(t *testing.T, path string) { must(t, os.Link(path+partialSuffix, path+".second")) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			ends := true
			server := serve(t, func(a asked) {
				if ends {
					half(a, content, tag)
					a.reset()
					return
				}
				a.good(content, tag)
			})
			order := usualOrder(t, server.url)
			order.Digests, order.Attempts = test.digests, 1
			if _, _, err := get(t, usualAccess(), order); err == nil {
				t.Fatal("the first order got all of it")
			}
			names, err := filepath.Glob(order.Directory + "/*" + partialSuffix)
			if err != nil || len(names) != 1 {
				t.Fatal(names, err)
			}
			if kept(t, order.Directory) == 0 {
				t.Fatal("nothing is kept")
			}
			path := strings.TrimSuffix(names[0], partialSuffix)
			if test.harm != nil {
				test.harm(t, path)
			}
			ends = false
			before := len(server.requests())
			got, _, err := get(t, usualAccess(), order)
			if err != nil || !bytes.Equal(got, content) {
				t.Fatalf("%v, %d bytes", err, len(got))
			}
			if next := server.requests()[before]; (next.Header.Get("Range") != "") != test.resumed {
				t.Errorf("the rest was asked for: %q", next.Header.Get("Range"))
			}
			if second, err := os.ReadFile(path + ".second"); err == nil && bytes.Equal(second, content) {
				t.Error("what has a second name was written to")
			}
		})
	}
}

// TestMirrors: each takes its turn, and with a digest the parts come from several.
func TestMirrors(t *testing.T) {
	content := random(800 << 10)
	missing := serve(t, func(a asked) { a.head("404 Not Found", "Content-Length: 0") })
	cut := serve(t, func(a asked) {
		if a.offset() > 0 {
			a.reset()
			return
		}
		half(a, content, `"cut"`)
	})
	wrong := serve(t, func(a asked) { a.good(random(800<<10 + 1)[1:], `"wrong"`) })
	right := serve(t, func(a asked) { a.good(content, `"right"`) })
	order := usualOrder(t, missing.url, cut.url, right.url)
	order.Digests = Digests{SHA256: digestOf(content)}
	got, _, err := get(t, usualAccess(), order)
	if err != nil || !bytes.Equal(got, content) {
		t.Fatal(err)
	}
	if asked := right.requests()[0]; asked.Header.Get("Range") == "" || asked.Header.Get("If-Range") != "" {
		t.Errorf("the last mirror was asked for %q if %q", asked.Header.Get("Range"), asked.Header.Get("If-Range"))
	}
	order = usualOrder(t, wrong.url, right.url)
	order.Digests = Digests{SHA256: digestOf(content)}
	if got, _, err = get(t, usualAccess(), order); err != nil || !bytes.Equal(got, content) {
		t.Fatal(err)
	}
	order = usualOrder(t, missing.url, wrong.url)
	order.Digests = Digests{SHA256: digestOf(content)}
	if _, _, err = get(t, usualAccess(), order); fault.As(err) == nil || fault.As(err).Code != "download-digest-wrong" {
		t.Error("what matters more is not told:", err)
	}
	if kept(t, order.Directory) > 0 {
		t.Error("wrong content is kept")
	}
	blind := usualOrder(t, cut.url, right.url)
	if got, _, err = get(t, usualAccess(), blind); err != nil || !bytes.Equal(got, content) {
		t.Fatal(err)
	}
	if asked := right.requests()[len(right.requests())-1]; asked.Header.Get("Range") != "" {
		t.Error("without a digest two addresses were mixed")
	}
}

// TestTLS: the machine's authorities are not those of ca, and a pinned key is asked for besides.
func TestTLS(t *testing.T) {
	content := random(1000)
	server := httptest.NewTLSServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { _, _ = out.Write(content) }))
	defer server.Close()
	key := sha256.Sum256(server.Certificate().RawSubjectPublicKeyInfo)
	pin := "sha256//" + base64.StdEncoding.EncodeToString(key[:])
	ca := certificateOf(t, server)
	for name, test := range map[string]struct {
		change func(*Access)
		code   string
	}{
		"no authority":  {func(*Access) {}, "download-certificate"},
		"its authority": {func(a *Access) { a.CA = ca }, ""},
		"pinned": {func(a *Access) {
			a.CA, a.Pins = ca, []string{"sha256//" + base64.StdEncoding.EncodeToString(make([]byte, 32)), pin}
		}, ""},
		"another pin": {func(a *Access) { a.CA, a.Pins = ca, []string{base64.StdEncoding.EncodeToString(make([]byte, 32))} }, "download-pin-wrong"},
		"pin alone":   {func(a *Access) { a.Pins = []string{pin} }, "download-certificate"},
		"no pin":      {func(a *Access) { a.Pins = []string{"sha256//short"} }, "download-tls-invalid"},
		"no file":     {func(a *Access) { a.CA = ca + ".none" }, "download-tls-invalid"},
		"no key":      {func(a *Access) { a.ClientCertificate = ca }, "download-tls-invalid"},
		"a header":    {func(a *Access) { a.Headers = map[string]string{"range": "bytes=1-"} }, "download-option-invalid"},
		"a break":     {func(a *Access) { a.Headers = map[string]string{"X-A": "a\r\nHost: b"} }, "download-option-invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			access := usualAccess()
			test.change(&access)
			got, _, err := get(t, access, usualOrder(t, server.URL))
			if test.code == "" && (err != nil || !bytes.Equal(got, content)) {
				t.Error(err)
			}
			if found := fault.As(err); test.code != "" && (found == nil || found.Code != test.code || found.Class != fault.Refused) {
				t.Errorf("%v, expected %s", err, test.code)
			}
		})
	}
}

// TestSecretsAreNotShown: no error and no line has the query of an address.
func TestSecretsAreNotShown(t *testing.T) {
	server := serve(t, func(a asked) {
		switch a.number {
		case 1:
			a.head("503 Service Unavailable", "Content-Length: 0")
		case 2:
			a.head("302 Found", "Location: /other?key=hush#hush", "Content-Length: 0")
		case 3:
			a.reset()
		default:
			a.head("302 Found", "Location: ftp://u:hush@h/?hush", "Content-Length: 0")
		}
	})
	said := ""
	order := usualOrder(t, server.url+"?token=hush")
	order.Say = func(line string) { said += line + "\n" }
	_, _, err := get(t, usualAccess(), order)
	for _, bad := range []string{server.url + "?token=hush%zz%", "http://u:hush@h/", "http://h:hush/", "gopher://h/?hush"} {
		order.URLs = []string{bad}
		err = errors.Join(err, order.Check())
	}
	if text := fmt.Sprint(said, err); strings.Contains(text, "hush") || !strings.Contains(text, "/file") {
		t.Error(text)
	}
}

// TestFile: a file of this machine goes the same way.
func TestFile(t *testing.T) {
	content := random(200 << 10)
	path := filepath.Join(t.TempDir(), "file with blank")
	must(t, os.WriteFile(path, content, 0o600))
	address := "file://" + strings.ReplaceAll(path, " ", "%20")
	got, _, err := get(t, usualAccess(), usualOrder(t, address))
	if err != nil || !bytes.Equal(got, content) {
		t.Error(err)
	}
	for code, order := range map[string]Order{
		"download-not-found":    usualOrder(t, address+"x"),
		"download-size-wrong":   {URLs: []string{address}, Size: 10, MaxSize: 1 << 20, Attempts: 1, Directory: t.TempDir()},
		"download-too-large":    {URLs: []string{address}, Size: -1, MaxSize: 10, Attempts: 1, Directory: t.TempDir()},
		"download-digest-wrong": {URLs: []string{address}, Digests: Digests{SHA256: digestOf(nil)}, Size: -1, MaxSize: 1 << 20, Attempts: 1, Directory: t.TempDir()},
	} {
		if _, _, err := get(t, usualAccess(), order); fault.As(err) == nil || fault.As(err).Code != code {
			t.Errorf("%v, expected %s", err, code)
		}
	}
}

// TestRate: with a rate, the pauses are as long as the bytes need.
func TestRate(t *testing.T) {
	content := random(100 << 10)
	server := serve(t, func(a asked) { a.good(content, tag) })
	order := usualOrder(t, server.url)
	order.MaxRate = 10 << 10
	_, clock, err := get(t, usualAccess(), order)
	must(t, err)
	if clock.longest() < 5*time.Second {
		t.Errorf("100 KiB at 10 KiB a second, and the longest pause is %v", clock.longest())
	}
}

// TestMove: the file gets its name, or a copy of it on another file system, and the partial file goes.
func TestMove(t *testing.T) {
	content := random(300 << 10)
	server := serve(t, func(a asked) { a.good(content, tag) })
	shared, err := os.MkdirTemp("/dev/shm", "gwe-fetch-")
	must(t, err)
	defer os.RemoveAll(shared)
	for _, to := range []string{t.TempDir(), shared} {
		client, err := NewClient(t.Context(), usualAccess())
		must(t, err)
		order := usualOrder(t, server.url)
		file, err := client.Download(t.Context(), order)
		must(t, err)
		directory, err := openat.Open(to)
		must(t, err)
		must(t, os.WriteFile(to+"/taken", nil, 0o600))
		if err := file.Move(t.Context(), directory, "taken", func(int64, int64) {}); !errors.Is(err, os.ErrExist) {
			t.Error("it took the place of something:", err)
		}
		must(t, file.Move(t.Context(), directory, "file", func(int64, int64) {}))
		file.Close()
		directory.Close()
		if got, err := os.ReadFile(to + "/file"); err != nil || !bytes.Equal(got, content) {
			t.Error("other content", err)
		}
		if left, err := os.ReadDir(order.Directory); err != nil || len(left) > 0 {
			t.Error("left behind:", left, err)
		}
	}
}

// TestUnsafeDirectory: a directory that another user can change holds no partial downloads.
func TestUnsafeDirectory(t *testing.T) {
	server := serve(t, func(a asked) { a.good(nil, tag) })
	order := usualOrder(t, server.url)
	must(t, os.MkdirAll(order.Directory, 0o700))
	must(t, os.Chmod(order.Directory, 0o777))
	if _, _, err := get(t, usualAccess(), order); fault.As(err) == nil || fault.As(err).Code != "download-directory-unsafe" {
		t.Error(err)
	}
}

// TestLocked: two orders of one file do not write into each other's.
func TestLocked(t *testing.T) {
	content := random(100 << 10)
	server := serve(t, func(a asked) { a.good(content, tag) })
	order := usualOrder(t, server.url)
	client, err := NewClient(t.Context(), usualAccess())
	must(t, err)
	first, err := client.Download(t.Context(), order)
	must(t, err)
	waits := make(chan struct{})
	order.Say = func(line string) {
		if strings.Contains(line, "waiting") {
			close(waits)
		}
	}
	done := make(chan error)
	go func() {
		second, err := client.Download(t.Context(), order)
		if err == nil {
			second.Close()
		}
		done <- err
	}()
	<-waits
	first.Close()
	must(t, <-done)
}

// TestPowerCut: after another boot only what was made durable counts, and that does.
func TestPowerCut(t *testing.T) {
	content := random(80 << 20)
	ends := true
	server := serve(t, func(a asked) {
		if ends {
			half(a, content, tag)
			return
		}
		a.good(content, tag)
	})
	order := usualOrder(t, server.url)
	order.Attempts = 1
	if _, _, err := get(t, usualAccess(), order); err == nil {
		t.Fatal("the first order got all of it")
	}
	names, err := filepath.Glob(order.Directory + "/*" + noteSuffix)
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	text, err := os.ReadFile(names[0])
	must(t, err)
	read, err := parseNote(text)
	must(t, err)
	if read.Synced < syncEvery {
		t.Fatalf("%d bytes are durable of %d", read.Synced, kept(t, order.Directory))
	}
	read.Boot = "another"
	text, err = read.text()
	must(t, err)
	must(t, os.WriteFile(names[0], text, 0o600))
	// What was not durable came back as zeros.
	part := strings.TrimSuffix(names[0], noteSuffix) + partialSuffix
	must(t, os.Truncate(part, read.Synced))
	must(t, os.Truncate(part, 40<<20))
	ends = false
	got, _, err := get(t, usualAccess(), order)
	if err != nil || !bytes.Equal(got, content) {
		t.Fatal("other content", err)
	}
	if asked := server.requests()[1].Header.Get("Range"); asked != fmt.Sprintf("bytes=%d-", read.Synced) {
		t.Errorf("asked for %q, and %d bytes were durable", asked, read.Synced)
	}
}

// TestResetForgets: before what was durable is thrown away, so is the note that vouches for it. Otherwise a
// power cut could bring the note back, and with it bytes that were never written.
func TestResetForgets(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "partial")
	p, err := openPartial(t.Context(), directory, "x", Digests{}, func() {})
	must(t, err)
	defer p.Close()
	must(t, p.begin(strings.Repeat("ab", 32), tag, 100))
	must(t, p.write(t.Context(), []byte("some")))
	must(t, p.checkpoint())
	must(t, p.reset())
	if left, err := os.ReadDir(directory); err != nil || len(left) != 1 {
		t.Error("the note is still there:", left, err)
	}
}

// TestProxy: the environment names the proxy, and it is asked.
func TestProxy(t *testing.T) {
	const address = "http://updates.example.invalid/file"
	content := random(1000)
	if os.Getenv("GWE_TEST_PROXIED") != "" { // package net/http reads the environment once
		got, _, err := get(t, usualAccess(), usualOrder(t, address))
		if err != nil || !bytes.Equal(got, content) {
			t.Error(err)
		}
		return
	}
	proxy := serve(t, func(a asked) { a.good(content, tag) })
	child := exec.Command(os.Args[0], "-test.run=^TestProxy$")
	child.Env = append(os.Environ(), "GWE_TEST_PROXIED=1", "NO_PROXY=", "no_proxy=", "HTTP_PROXY="+proxy.url, "http_proxy="+proxy.url)
	if said, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if all := proxy.requests(); len(all) != 1 || all[0].RequestURI != address {
		t.Errorf("the proxy was asked %d times", len(all))
	}
}

// TestClean: partial downloads go, but for the one that is held.
func TestClean(t *testing.T) {
	content := random(100 << 10)
	server := serve(t, func(a asked) {
		if a.number == 1 {
			half(a, content, tag)
			return
		}
		a.good(content, tag)
	})
	order := usualOrder(t, server.url)
	order.Attempts = 1
	if _, _, err := get(t, usualAccess(), order); err == nil {
		t.Fatal("the first order got all of it")
	}
	order.URLs = []string{server.url + "/other"}
	client, err := NewClient(t.Context(), usualAccess())
	must(t, err)
	file, err := client.Download(t.Context(), order)
	must(t, err)
	defer file.Close()
	for want := range 2 {
		count, size, err := Clean(order.Directory)
		if err != nil || count != 1-want || size != int64(1-want)*int64(len(content)/2) {
			t.Error(count, size, err)
		}
	}
	if kept(t, order.Directory) != int64(len(content)) {
		t.Error("what is held went")
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "x": 0, "-1": 0, "7": 7 * time.Second, "99999999999999999999": 0, "9999999999": longestRetryAfter,
		"Thu, 01 Jan 2026 00:01:00 GMT": time.Minute, "Thu, 01 Jan 2015 00:01:00 GMT": 0, "Thu, 01 Jan 2099 00:01:00 GMT": longestRetryAfter,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %v, expected %v", text, got, want)
		}
	}
}

func TestContentRange(t *testing.T) {
	for text, want := range map[string]string{
		"bytes 0-9/10": "0 9 10 true", "bytes 0-9/*": "0 9 -1 true", "bytes 5-4/10": "5 4 10 false", "bytes 0-10/10": "0 10 10 false",
		"bytes */10": "0 0 0 false", "items 0-9/10": "0 0 0 false", "bytes 0-9": "0 0 0 false", "bytes -1-9/10": "0 0 10 false", "bytes +0-9/10": "0 9 10 false",
	} {
		first, last, total, ok := contentRange(text)
		if got := fmt.Sprint(first, last, total, ok); got != want && ok != strings.HasSuffix(want, "false") == ok || strings.HasSuffix(want, "true") != ok {
			t.Errorf("%q: %s, expected %s", text, got, want)
		}
	}
}

// FuzzNote: what is read of a note is what gwe would write, and written again it is the same.
func FuzzNote(f *testing.F) {
	for _, text := range []string{"", "{}", "null", `{"version":1}`, `{"version":1,"from":"` + strings.Repeat("ab", 32) + `","etag":"\"x\"","total":10,"synced":5,"boot":"b","pieces":1}`} {
		f.Add([]byte(text))
		f.Add(seal([]byte(text)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := parseNote(text); err == nil && !bytes.HasSuffix(text, []byte("\n")) {
			t.Error("a note without its seal is taken")
		}
		read, err := parseNote(seal(text))
		if err != nil {
			return
		}
		if read.Synced < 0 || read.Total >= 0 && read.Synced > read.Total || read.ETag != "" && !strong(read.ETag) {
			t.Errorf("out of bounds: %+v", read)
		}
		again, err := read.text()
		must(t, err)
		if same, err := parseNote(again); err != nil || same != read {
			t.Errorf("%+v became %+v, %v", read, same, err)
		}
	})
}

// FuzzContentRange: a range that is accepted lies in its file.
func FuzzContentRange(f *testing.F) {
	f.Add("bytes 0-9/10")
	f.Add("bytes 0-9/*")
	f.Fuzz(func(t *testing.T, text string) {
		if first, last, total, ok := contentRange(text); ok && (first < 0 || last < first || total != -1 && last >= total) {
			t.Errorf("%q is %d-%d/%d", text, first, last, total)
		}
	})
}
