package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
)

// errAgain says that the same server is to be asked at once, in another way.
var errAgain = errors.New("the server is asked again")

// ask gets from one address what is missing, and checks the whole. Nothing but nil means that it is complete.
func (d *download) ask(ctx context.Context, m *mirror) error {
	for again := 0; ; again++ {
		err := d.once(ctx, m)
		if err == nil {
			err = d.check(m)
		}
		if !errors.Is(err, errAgain) {
			return err
		}
		if again == againAtOnce {
			return fault.New(fault.Failed, "download-range-wrong", "cannot download %s: its answers contradict each other", shown(m.URL)).
				WithHint("see what answers there: the file may change while it is read, or a proxy between may be broken").AsPermanent()
		}
	}
}

// check compares the complete file with its digests.
func (d *download) check(m *mirror) error {
	is, wanted := d.partial.sums.differs()
	if is == "" {
		return nil
	}
	pieces := d.partial.note.Pieces
	if err := d.partial.reset(); err != nil {
		return local{err}
	}
	if pieces > 1 {
		m.whole = true
		d.Say("the parts do not make the file with the digest that is wanted: all of it is read again")
		return errAgain
	}
	if m.corrupt++; m.corrupt == 1 {
		d.Say("the file has another digest than is wanted: it is read once more")
		return errAgain
	}
	return fault.New(fault.Refused, "download-digest-wrong", "cannot download %s: its digest is %s, expected %s", shown(m.URL), is, wanted).
		WithHint("see whether the digest or the address is right; nothing of it was kept").AsPermanent()
}

// once makes one exchange, and adds what it brings to the partial file.
func (d *download) once(ctx context.Context, m *mirror) error {
	p := d.partial
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if m.Scheme == "file" {
		return d.copyFile(ctx, m)
	}
	if p.size > 0 && p.size == p.note.Total && d.Digests.Given() {
		return nil // all of it is here
	}
	headers := d.resumption(m)
	if len(headers) == 0 && p.size > 0 {
		if err := p.reset(); err != nil {
			return local{err}
		}
	}
	response, err := d.client.exchange(ctx, m.URL, m.trusted, headers)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	total, err := d.accept(m, response)
	if err != nil {
		return err
	}
	return d.receive(ctx, cancel, m, response.Body, total)
}

// resumption are the headers that ask for the rest; none where the whole file is asked for.
func (d *download) resumption(m *mirror) map[string]string {
	p := d.partial
	same := p.note.From == m.id && p.note.ETag != ""
	if p.size == 0 || m.whole || !same && !d.Digests.Given() {
		return nil
	}
	headers := map[string]string{"Range": fmt.Sprintf("bytes=%d-", p.size)}
	if same {
		headers["If-Range"] = p.note.ETag
	}
	return headers
}

// accept judges an answer before any of its content is read, and gives the length of the whole file, -1 where
// that is not known.
func (d *download) accept(m *mirror, response *http.Response) (total int64, err error) {
	p := d.partial
	asked := response.Request.Header.Get("Range") != ""
	etag := response.Header.Get("ETag")
	switch response.StatusCode {
	case http.StatusOK:
		if p.size > 0 {
			d.Say("the server gives the whole file and not the rest: it begins anew")
			if err := p.reset(); err != nil {
				return 0, local{err}
			}
		}
		total = response.ContentLength
	case http.StatusPartialContent:
		if !asked {
			return 0, answerWrong(m.URL, "it answers 206 Partial Content, and the whole file was asked for")
		}
		if total = d.rest(response, m); total < 0 {
			return 0, d.anew(m, "the server's answer is not the rest of the file that was begun")
		}
	case http.StatusRequestedRangeNotSatisfiable:
		if !asked {
			return 0, answerWrong(m.URL, "it answers 416 Range Not Satisfiable, and the whole file was asked for")
		}
		return 0, d.anew(m, "the server does not have the rest of the file that was begun")
	default:
		return 0, refusedBy(m.URL, response, time.Now())
	}
	if coded := strings.TrimSpace(strings.Join(response.Header.Values("Content-Encoding"), ", ")); coded != "" && !strings.EqualFold(coded, "identity") && !d.Digests.Given() {
		return 0, fault.New(fault.Refused, "download-encoded", "cannot download %s: the server sends it with the encoding %q, which was not asked for", shown(m.URL), coded).
			WithHint("give sha256: then what the server sends is taken if it has that digest; or turn the encoding off at the server").AsPermanent()
	}
	if err := d.bounded(m, response, total); err != nil {
		return 0, err
	}
	if err := p.begin(m.id, etag, total); err != nil {
		return 0, local{err}
	}
	return total, nil
}

// bounded refuses what is too long, or does not say how long it is.
func (d *download) bounded(m *mirror, response *http.Response, total int64) error {
	chunked := len(response.TransferEncoding) > 0
	switch {
	case total < 0 && !chunked && d.Size < 0 && !d.Digests.Given():
		return fault.New(fault.Refused, "download-length-unknown", "cannot download %s: the server does not say where the file ends", shown(m.URL)).
			WithHint("give sha256 or size, by which a file that was cut short is known").AsPermanent()
	case total >= 0 && d.Size >= 0 && total != d.Size:
		return sizeWrong(m.URL, total, d.Size)
	case total > d.MaxSize:
		return tooLarge(m.URL, d.MaxSize)
	}
	need := max(total, d.Size) - d.partial.size
	if need <= 0 || d.Space == nil {
		return nil
	}
	free, err := d.Space(d.Directory)
	if err == nil && free < need {
		return local{fault.New(fault.Refused, "download-no-space", "cannot download %s: %d bytes are missing on the file system of %s", shown(m.URL), need-free, d.Directory).
			WithHint("free some space there, or name another directory in partial-dir")}
	}
	return nil
}

// rest judges an answer to a range: it is the rest of the file that was begun, up to its end. It gives the
// length of the whole file, -1 where the answer is anything else.
func (d *download) rest(response *http.Response, m *mirror) int64 {
	p := d.partial
	ranges := response.Header.Values("Content-Range")
	if len(ranges) != 1 || strings.HasPrefix(strings.ToLower(response.Header.Get("Content-Type")), "multipart/byteranges") {
		return -1
	}
	first, last, total, ok := contentRange(ranges[0])
	if !ok || first != p.size || total >= 0 && last != total-1 || p.note.Total >= 0 && total >= 0 && total != p.note.Total {
		return -1
	}
	if total < 0 && p.note.Total >= 0 && last != p.note.Total-1 {
		return -1
	}
	if total < 0 {
		if total = p.note.Total; total < 0 {
			return -1
		}
	}
	if response.ContentLength >= 0 && response.ContentLength != last-first+1 {
		return -1
	}
	etag := response.Header.Get("ETag")
	same := p.note.From == m.id && p.note.ETag != ""
	if same && strong(etag) && etag != p.note.ETag || same && !strong(etag) && !d.Digests.Given() {
		return -1
	}
	return total
}

// anew throws away what was begun, and has the server asked for the whole file.
func (d *download) anew(m *mirror, why string) error {
	d.Say(why + ": it begins anew")
	m.whole = true
	if err := d.partial.reset(); err != nil {
		return local{err}
	}
	return errAgain
}

func answerWrong(address *url.URL, why string) error {
	return fault.New(fault.Failed, "download-answer-wrong", "cannot download %s: %s", shown(address), why).
		WithHint("see what answers there: curl -sI %s", shown(address)).AsPermanent()
}

func sizeWrong(address *url.URL, is, want int64) error {
	return fault.New(fault.Refused, "download-size-wrong", "cannot download %s: it has %d bytes, expected %d", shown(address), is, want).
		WithHint("see whether size or the address is right").AsPermanent()
}

func tooLarge(address *url.URL, most int64) error {
	return fault.New(fault.Refused, "download-too-large", "cannot download %s: it is longer than %d bytes", shown(address), most).
		WithHint("raise max-size if that is right").AsPermanent()
}
