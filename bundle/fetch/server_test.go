package fetch

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/pace"
)

// asked is one request that a server got, with the connection on which it answers as it likes.
type asked struct {
	*http.Request
	net.Conn
	number int
}

// head sends the head of an answer.
func (a asked) head(status string, lines ...string) {
	fmt.Fprintf(a.Conn, "HTTP/1.1 %s\r\n", status)
	for _, line := range lines {
		fmt.Fprintf(a.Conn, "%s\r\n", line)
	}
	fmt.Fprint(a.Conn, "\r\n")
}

// offset is where the range that is asked for begins, -1 where none is.
func (a asked) offset() int {
	first := -1
	_, _ = fmt.Sscanf(a.Request.Header.Get("Range"), "bytes=%d-", &first)
	return first
}

// good answers as a server should.
func (a asked) good(content []byte, etag string) {
	first := a.offset()
	if match := a.Request.Header.Get("If-Range"); first < 0 || match != "" && match != etag {
		a.head("200 OK", fmt.Sprintf("Content-Length: %d", len(content)), "ETag: "+etag)
		_, _ = a.Conn.Write(content)
		return
	}
	if first >= len(content) {
		a.head("416 Range Not Satisfiable", fmt.Sprintf("Content-Range: bytes */%d", len(content)), "Content-Length: 0")
		return
	}
	a.head("206 Partial Content", fmt.Sprintf("Content-Length: %d", len(content)-first), "ETag: "+etag,
		fmt.Sprintf("Content-Range: bytes %d-%d/%d", first, len(content)-1, len(content)))
	_, _ = a.Conn.Write(content[first:])
}

// broken is a server that speaks TCP, and what it was asked.
type broken struct {
	url   string
	mutex sync.Mutex
	all   []*http.Request
}

func (b *broken) requests() []*http.Request {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.all
}

// serve answers each connection once, from a goroutine of its own.
func serve(t testing.TB, answer func(a asked)) *broken {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &broken{url: "http://" + listener.Addr().String() + "/file"}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer connection.Close()
				request, err := http.ReadRequest(bufio.NewReader(connection))
				if err != nil {
					return
				}
				b.mutex.Lock()
				b.all = append(b.all, request)
				number := len(b.all)
				b.mutex.Unlock()
				answer(asked{request, connection, number})
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		open.Wait()
	})
	return b
}

// gone waits until the client has ended the connection.
func (a asked) gone() { _, _ = io.Copy(io.Discard, a.Conn) }

// reset ends the connection by RST.
func (a asked) reset() {
	_ = a.Conn.(*net.TCPConn).SetLinger(0)
	_ = a.Conn.Close()
}

// instant is a clock on which pauses take no time.
type instant struct {
	pace.Real
	mutex sync.Mutex
	slept []time.Duration
}

func (c *instant) Sleep(ctx context.Context, wait time.Duration) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.slept = append(c.slept, wait)
	return ctx.Err()
}

func (c *instant) longest() (most time.Duration) {
	for _, one := range c.slept {
		most = max(most, one)
	}
	return most
}

// random makes content that no part of repeats.
func random(size int) []byte {
	content := make([]byte, size)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(content)
	return content
}

func digestOf(content []byte) string {
	digest := sha256.Sum256(content)
	return hex.EncodeToString(digest[:])
}

func usualAccess() Access {
	return Access{Connect: 10 * time.Second, LowSpeed: 1, LowSpeedTime: 10 * time.Second}
}

func usualOrder(t testing.TB, urls ...string) Order {
	return Order{URLs: urls, Size: -1, MaxSize: 1 << 30, Attempts: 3, Directory: filepath.Join(t.TempDir(), "partial"), Say: func(line string) { t.Log(line) }}
}

// get downloads, and reads what was downloaded.
func get(t testing.TB, access Access, order Order) ([]byte, *instant, error) {
	t.Helper()
	clock := &instant{}
	ctx := pace.With(t.Context(), clock)
	client, err := NewClient(ctx, access)
	if err != nil {
		return nil, clock, err
	}
	file, err := client.Download(ctx, order)
	if err != nil {
		return nil, clock, err
	}
	defer file.Close()
	content, err := os.ReadFile(file.partial.path + partialSuffix)
	if err != nil {
		t.Fatal(err)
	}
	if digest := digestOf(content); digest != file.SHA256 || int64(len(content)) != file.Size {
		t.Errorf("the file says that it has %d bytes and %s: it has %d and %s", file.Size, file.SHA256, len(content), digest)
	}
	return content, clock, nil
}

// kept is how many bytes of a partial download there are.
func kept(t testing.TB, directory string) (size int64) {
	t.Helper()
	names, err := filepath.Glob(directory + "/*" + partialSuffix)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		size += info.Size()
	}
	return size
}
