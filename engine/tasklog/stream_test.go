package tasklog_test

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/tasklog"
)

// filtered is what comes of a text that is written in pieces of a size.
func filtered(t *testing.T, mask *tasklog.Mask, text string, size int) string {
	t.Helper()
	var out bytes.Buffer
	filter := mask.Filter(&out)
	for rest := []byte(text); len(rest) > 0; rest = rest[min(size, len(rest)):] {
		if _, err := filter.Write(rest[:min(size, len(rest))]); err != nil {
			t.Fatal(err)
		}
	}
	if err := filter.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A secret is found wherever a stream is cut, and wherever a program breaks its lines.
func TestFilter(t *testing.T) {
	const secret = "correct-horse-battery-staple"
	long := "eyJ" + strings.Repeat("k", 9000) + "theEnd"
	mask := tasklog.NewMask(nil, secret, long, "-----BEGIN-----\nfirst line\nsecond line\n", "aaaaaab", "horse-battery-and-more")
	for text, want := range map[string]string{
		"nothing to see\n":                                    "nothing to see\n",
		"a " + secret + " b\n":                                "a *** b\n",
		secret + "\r\n" + secret:                              "***\r\n***",
		secret[:10] + "\n" + secret[10:] + "\n":               "***\n",
		secret[:10] + "\r\n" + secret[10:]:                    "***",
		secret[:3] + "\r" + secret[3:9] + "\n\n" + secret[9:]: "***",
		strings.Repeat("0", 8158) + secret + "\nrest\n":       strings.Repeat("0", 8158) + "***\nrest\n",
		"<" + long + ">":                                      "<***>",
		"-----BEGIN-----\nfirst line\nsecond line\nend":       "***\n***\n***\nend",
		"only first line here":                                "only *** here",
		"correct-horse-battery-and-more":                      "correct-***",
		"aaaaaaaaaaaab":                                       "aaaaaa***",
		"correct or correct-horse":                            "correct or ***", // the beginning of a secret at the end of a stream
		"correct-horse is a name":                             "correct-horse is a name",
		"it ends with corr":                                   "it ends with corr",
	} {
		for _, size := range []int{1, 2, 7, 4096, 1 << 20} {
			if got := filtered(t, mask, text, size); got != want {
				t.Errorf("%.40q in pieces of %d: %.80q, want %.80q", text, size, got, want)
			}
		}
	}
}

// TestFilterForms masks what programs make of a secret by themselves.
func TestFilterForms(t *testing.T) {
	const secret = "pa\"ss/wörd & <more> it's+100%"
	mask := tasklog.NewMask(nil, secret)
	quoted, _ := json.Marshal(secret)
	var plain bytes.Buffer
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(secret)
	for name, text := range map[string]string{
		"JSON": string(quoted), "JSON without HTML": plain.String(), "ASCII": `"pa\"ss/w\u00f6rd & <more> it's+100%"`, "PHP": `"pa\"ss\/w\u00f6rd & <more> it's+100%"`,
		"query": url.QueryEscape(secret), "path": url.PathEscape(secret), "component": "pa%22ss%2Fw%C3%B6rd%20%26%20%3Cmore%3E%20it's%2B100%25",
		"lower": strings.ToLower(url.QueryEscape(secret)), "shell": `'pa"ss/wörd & <more> it'\''s+100%'`,
		"hex": hex.EncodeToString([]byte(secret)), "HEX": fmt.Sprintf("%X", secret), "Go": fmt.Sprintf("%q", secret), "XML": "pa&quot;ss/wörd &amp; &lt;more&gt; it&apos;s+100%",
		"ASCII twice": `"\"pa\\\"ss/w\\u00f6rd & <more> it's+100%\""`, "PHP twice": `"\"pa\\\"ss\\/w\\u00f6rd & <more> it's+100%\""`,
		"Python bytes": `b'pa"ss/w\xc3\xb6rd & <more> it\'s+100%'`, "Python XML": "pa&quot;ss/wörd &amp; &lt;more&gt; it&#x27;s+100%",
		"od": fmt.Sprintf("% x", secret), "openssl": strings.ReplaceAll(fmt.Sprintf("% X", secret), " ", ":"), "escapes": `\x` + strings.ReplaceAll(fmt.Sprintf("% x", secret), " ", `\x`),
		"C": strings.ReplaceAll(fmt.Sprintf("% #x", secret), " ", ", "), "address in an address": url.QueryEscape("https://a.example/?t=" + url.QueryEscape(secret)),
	} {
		if got := filtered(t, mask, "<"+text+">\n", 5); !strings.Contains(got, "***") || strings.Contains(got, "ss") || strings.Contains(got, "7373") || strings.Contains(got, "73 73") {
			t.Errorf("%s: %q", name, got)
		}
	}
	for skip := range 3 {
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			text := encoding.EncodeToString([]byte("xyz"[:skip] + secret + "tail"))
			wrapped := text[:20] + "\n" + text[20:]
			got := filtered(t, mask, wrapped, 3)
			// Four characters stand for three bytes; those that are shared with the neighbours stay.
			if left := len(strings.Replace(got, "***", "", 1)); !strings.Contains(got, "***") || left > 16 {
				t.Errorf("base64 that begins after %d bytes: %q", skip, got)
			}
		}
	}
	for skip := range 5 {
		text := "wxyz"[:skip] + secret + "tail"
		for name, encoded := range map[string]string{
			"base32": base32.StdEncoding.EncodeToString([]byte(text)), "lower base32": strings.ToLower(base32.StdEncoding.EncodeToString([]byte(text))),
			"base64 twice": base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(text)))),
		} {
			// What is shared with the neighbours stays.
			if got := filtered(t, mask, encoded+"\n", 3); !strings.Contains(got, "***") || len(strings.Replace(got, "***", "", 1)) > 32 {
				t.Errorf("%s that begins after %d bytes: %q", name, skip, got)
			}
		}
	}
}

// TestFilterIsLive: what may be the beginning of a secret is shown when nothing more comes, and the rest of
// it is masked all the same.
func TestFilterIsLive(t *testing.T) {
	const secret = "correct-horse-battery-staple"
	var out lockedBuffer
	filter := tasklog.NewMask(nil, secret).Filter(&out)
	write := func(text string) { _, _ = io.WriteString(filter, text) }
	write("wait for c")
	if got := out.String(); got != "wait for " {
		t.Errorf("at once: %q", got)
	}
	out.waitFor(t, "wait for c")
	write("orrect-horse-")
	out.waitFor(t, "wait for c***")
	write("battery-staple!")
	out.waitFor(t, "wait for c***!")
	if err := filter.Close(); err != nil || out.String() != "wait for c***!" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// Secrets may come while a stream is read, and their beginning may be there already.
func TestFilterTakesLaterSecrets(t *testing.T) {
	var out bytes.Buffer
	mask := tasklog.NewMask(nil, "correct-horse")
	filter := mask.Filter(&out)
	_, _ = io.WriteString(filter, "correct-ho")
	mask.Add("correct-house")
	_, _ = io.WriteString(filter, "use and correct-horse")
	_ = filter.Close()
	if out.String() != "*** and ***" {
		t.Errorf("%q", out.String())
	}
}

// Where there is more to mask than it can hold, all is masked, and its memory stays bounded.
func TestMaskThatIsFull(t *testing.T) {
	mask := tasklog.NewMask(nil, strings.Repeat("0123456789abcdef", 1<<14))
	if got := mask.Text("a harmless text"); got != "a harmless text" {
		t.Errorf("%q", got)
	}
	for i := range 100 {
		var all strings.Builder
		for j := range 5000 {
			fmt.Fprintf(&all, "secret %d of %d, ", j, i)
		}
		mask.Add(all.String())
	}
	if got := mask.Text("a harmless text") + filtered(t, mask, "a harmless text\n", 5); strings.Contains(got, "harm") || strings.Contains(got, "text") {
		t.Errorf("%q", got)
	}
}

// lockedBuffer may be read while it is written to.
type lockedBuffer struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (b *lockedBuffer) Write(text []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(text)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.String()
}

func (b *lockedBuffer) waitFor(t *testing.T, want string) {
	t.Helper()
	for range 400 {
		if b.String() == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("after some seconds: %q, want %q", b.String(), want)
}
