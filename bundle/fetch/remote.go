package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
)

// Remote is a file of servers that is read by ranges, any part at any time. It checks that all ranges are of
// one file, as far as lengths and strong ETags tell; the content the caller checks, against digests.
type Remote struct {
	client *Client
	// mutex is held for each read: there is one request at a time.
	mutex   sync.Mutex
	order   Order
	mirrors []*mirror
	limit   limiter
	size    int64
	// held are the beginning and the end of the file, which are read with one request each.
	held []span
	// requests and fetched are what it took.
	requests, fetched int64
}

// span is a part of a file.
type span struct {
	at      int64
	content []byte
}

const (
	// headLength and tailLength are how much of the beginning and of the end of a file is asked for at once.
	headLength = 4 << 10
	tailLength = 64 << 10
)

// Remote asks for the beginning of a file by a range. Of the order it uses the addresses, MaxRate, Attempts
// and Say; addresses of the scheme file are refused. The code of its fault is download-no-ranges where no
// server gives ranges of it: NeedsWhole then. The caller closes it.
func (c *Client) Remote(ctx context.Context, order Order) (*Remote, error) {
	mirrors, err := order.mirrors()
	if err != nil {
		return nil, err
	}
	for _, one := range mirrors {
		if one.Scheme == "file" {
			return nil, invalidURL("the address %s is not of a server", shown(one.URL)).WithHint("write the path of the file, without file://")
		}
	}
	if order.Say == nil {
		order.Say = func(string) {}
	}
	r := &Remote{client: c.persistent(), order: order, mirrors: mirrors, limit: limiter{rate: order.MaxRate}, size: -1}
	head := make([]byte, headLength)
	n, err := r.read(ctx, head, 0)
	if err != nil {
		r.Close()
		return nil, err
	}
	r.held = append(r.held, span{0, head[:n]})
	return r, nil
}

// persistent is a client that keeps its connections until Close.
func (c *Client) persistent() *Client {
	kept := &Client{access: c.access, named: c.named.Clone(), foreign: c.foreign.Clone()}
	for _, one := range []*http.Transport{kept.named, kept.foreign} {
		one.DisableKeepAlives, one.MaxIdleConnsPerHost, one.IdleConnTimeout = false, 1, time.Minute
	}
	return kept
}

// Close ends its connections.
func (r *Remote) Close() {
	r.client.named.CloseIdleConnections()
	r.client.foreign.CloseIdleConnections()
}

// Size is the length of the file in bytes.
func (r *Remote) Size() int64 { return r.size }

// Cost is how many requests were answered, and how many bytes of the file they brought.
func (r *Remote) Cost() (requests, fetched int64) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.requests, r.fetched
}

// Within reads the file until the context ends. Each ReadAt is a request, but for the beginning and the end
// of the file.
func (r *Remote) Within(ctx context.Context) io.ReaderAt { return remoteReader{r, ctx} }

type remoteReader struct {
	remote *Remote
	ctx    context.Context
}

func (r remoteReader) ReadAt(p []byte, at int64) (int, error) {
	r.remote.mutex.Lock()
	defer r.remote.mutex.Unlock()
	return r.remote.readAt(r.ctx, p, at)
}

func (r *Remote) readAt(ctx context.Context, p []byte, at int64) (int, error) {
	if at < 0 || at >= r.size {
		return 0, io.EOF
	}
	want, err := p[:min(int64(len(p)), r.size-at)], error(nil)
	if len(want) < len(p) {
		err = io.EOF
	}
	if r.copyHeld(want, at) {
		return len(want), err
	}
	if tail := max(0, r.size-tailLength); at >= tail && len(r.held) == 1 {
		content := make([]byte, r.size-tail)
		if _, err := r.read(ctx, content, tail); err != nil {
			return 0, err
		}
		r.held = append(r.held, span{tail, content})
		copy(want, content[at-tail:])
		return len(want), err
	}
	if _, err := r.read(ctx, want, at); err != nil {
		return 0, err
	}
	return len(want), err
}

// copyHeld fills p from what is held, and reports whether all of it is.
func (r *Remote) copyHeld(p []byte, at int64) bool {
	for _, one := range r.held {
		if at >= one.at && at+int64(len(p)) <= one.at+int64(len(one.content)) {
			copy(p, one.content[at-one.at:])
			return true
		}
	}
	return false
}

// read asks for a range, and fills p. The first one, while the length is unknown, may be shorter.
func (r *Remote) read(ctx context.Context, p []byte, at int64) (n int, err error) {
	err = rounds{mirrors: r.mirrors, attempts: r.order.Attempts, say: r.order.Say, progressed: func() bool { return false }}.
		run(ctx, func(m *mirror) error {
			n, err = r.once(ctx, m, p, at)
			return err
		})
	if err == nil || ctx.Err() != nil {
		return n, err
	}
	for _, one := range r.mirrors {
		if NeedsWhole(one.bad) {
			return 0, one.bad
		}
	}
	return 0, err
}

// once makes one exchange.
func (r *Remote) once(ctx context.Context, m *mirror, p []byte, at int64) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	headers := map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", at, at+int64(len(p))-1)}
	if m.etag != "" {
		headers["If-Range"] = m.etag
	}
	response, err := r.client.exchange(ctx, m.URL, m.trusted, headers)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	r.requests++
	length, err := r.accept(m, response, at, int64(len(p)))
	if err != nil {
		return 0, err
	}
	if err := r.receive(ctx, cancel, m, response.Body, p[:length]); err != nil {
		return 0, stopped(ctx, err)
	}
	return int(length), nil
}

// accept judges an answer before any of its content is read, and gives the length of the content.
func (r *Remote) accept(m *mirror, response *http.Response, at, length int64) (int64, error) {
	switch response.StatusCode {
	case http.StatusPartialContent:
	case http.StatusOK:
		return 0, noRanges(m, "the server gives the whole file and no ranges of it")
	case http.StatusRequestedRangeNotSatisfiable:
		return 0, noRanges(m, "the server does not have the range that was asked for")
	default:
		return 0, refusedBy(m.URL, response, time.Now())
	}
	ranges := response.Header.Values("Content-Range")
	if len(ranges) != 1 || strings.HasPrefix(strings.ToLower(response.Header.Get("Content-Type")), "multipart/byteranges") {
		return 0, noRanges(m, "the server's answer is not one range")
	}
	if coded := strings.Join(response.Header.Values("Content-Encoding"), ", "); coded != "" && !strings.EqualFold(strings.TrimSpace(coded), "identity") {
		return 0, noRanges(m, "the server sends it with an encoding that was not asked for")
	}
	first, last, total, ok := contentRange(ranges[0])
	given := last - first + 1
	etag := response.Header.Get("ETag")
	switch {
	case !ok || total < 0 || first != at || given > length || given < length && last != total-1:
		return 0, noRanges(m, "the server's answer is not the range that was asked for")
	case response.ContentLength >= 0 && response.ContentLength != given:
		return 0, noRanges(m, "the server's answer has another length than its range")
	case r.size >= 0 && total != r.size:
		return 0, noRanges(m, "the file at the server has another length than before")
	case m.etag != "" && strong(etag) && etag != m.etag:
		return 0, noRanges(m, "the file at the server has changed")
	}
	if strong(etag) {
		m.etag = etag
	}
	r.size = total
	return given, nil
}

// receive reads the body, which is as long as p.
func (r *Remote) receive(ctx context.Context, cancel context.CancelCauseFunc, m *mirror, body io.Reader, p []byte) error {
	watched := watch(r.client.access, r.order.MaxRate, func() { cancel(stalled(m.URL)) })
	defer watched.stop()
	r.limit.begin(ctx)
	for done := 0; done < len(p); {
		n, err := body.Read(p[done:min(len(p), done+int(r.limit.piece()))])
		watched.count.Add(int64(n))
		done += n
		r.fetched += int64(n)
		if err := r.limit.pause(ctx, int64(n)); err != nil {
			return err
		}
		if err != nil && done < len(p) {
			return cutShort(m.URL, err)
		}
	}
	// What is read to its end leaves a connection that can be used again.
	var more [1]byte
	if n, err := body.Read(more[:]); n > 0 || err == nil {
		return noRanges(m, "the server's answer is longer than its range")
	}
	return nil
}

const noRangesCode = "download-no-ranges"

func noRanges(m *mirror, why string) error {
	return fault.New(fault.Failed, noRangesCode, "cannot read parts of %s: %s", shown(m.URL), why).
		WithHint("see what answers: curl -sI -r 0-99 %s", shown(m.URL)).AsPermanent()
}

// NeedsWhole reports whether the error of a Remote says that the file can be had as a whole only.
func NeedsWhole(err error) bool {
	var found *fault.Fault
	return errors.As(err, &found) && found.Code == noRangesCode
}
