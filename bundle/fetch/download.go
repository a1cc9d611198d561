package fetch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
)

// Order is what to download.
type Order struct {
	// URLs are the addresses: the first, and its mirrors in the order in which they are tried.
	URLs []string
	// Digests are what the file must have.
	Digests Digests
	// Size is how long it is in bytes, -1 where the caller does not know; MaxSize is how long it may be.
	Size, MaxSize int64
	// MaxRate is how many bytes a second are read at most; 0 is no limit.
	MaxRate int64
	// Attempts is how many rounds through all addresses may fail one after the other without any progress.
	Attempts int
	// Directory holds partial files; it is made where it is missing.
	Directory string
	// Space returns the bytes that may still be written in a directory.
	Space func(directory string) (int64, error)
	// Progress is told how many bytes there are, and of how many, 0 where that is not known. It may be nil.
	Progress func(done, total int64)
	// Say is told, in a line, what a person may want to know. It may be nil.
	Say func(line string)
}

// mirror is one address.
type mirror struct {
	*url.URL
	// id is the digest of the address.
	id string
	// trusted says that it may be sent the credentials.
	trusted bool
	// whole says that ranges of it went wrong: it is asked for the whole file from now on.
	whole bool
	// etag is the strong ETag of the file that ranges are read of.
	etag string
	// corrupt is how often the whole of it had another digest.
	corrupt int
	// bad is why it is not tried any more.
	bad error
}

// download is an Order that is carried out.
type download struct {
	Order
	client  *Client
	mirrors []*mirror
	partial *partial
	limit   limiter
}

const (
	// progressing is how many bytes more make a try count as a success of a kind.
	progressing = 256 << 10
	// againAtOnce is how often one round asks a server again at once, after a range went wrong or the content
	// had another digest.
	againAtOnce = 3
)

// Check reads an order without acting. Its faults are download-url-invalid and download-option-invalid.
func (o Order) Check() error {
	_, err := o.mirrors()
	return err
}

func (o Order) mirrors() ([]*mirror, error) {
	if _, err := o.Digests.valid(); err != nil {
		return nil, err
	}
	switch {
	case len(o.URLs) == 0:
		return nil, invalidURL("there is no address")
	case o.Attempts < 1 || o.Attempts > 1000:
		return nil, invalidOption("attempts is %d", o.Attempts).WithHint("write a number from 1 to 1000")
	case o.Size < -1 || o.MaxSize < 1 || o.MaxSize > largest:
		return nil, invalidOption("size or max-size is out of bounds").WithHint("write max-size: 4GiB, for example")
	case o.Size > o.MaxSize:
		return nil, invalidOption("size is more than max-size").WithHint("raise max-size, or leave it out")
	case o.MaxRate < 0 || o.MaxRate > 0 && o.MaxRate < 1024:
		return nil, invalidOption("max-rate is below 1KiB a second").WithHint("write max-rate: 500KiB, for example")
	}
	all := make([]*mirror, 0, len(o.URLs))
	for _, text := range o.URLs {
		address, err := parseAddress(text)
		if err != nil {
			return nil, err
		}
		digest := sha256.Sum256([]byte(address.String()))
		one := &mirror{URL: address, id: hex.EncodeToString(digest[:])}
		one.trusted = len(all) == 0 || address.Scheme == "https" || all[0].Scheme != "https"
		all = append(all, one)
	}
	return all, nil
}

// name is that of the partial file: the same for the same content.
func (o Order) name(first *mirror) string {
	known := cmp.Or(o.Digests.SHA256, o.Digests.SHA512)
	if known == "" {
		known = first.id
	}
	digest := sha256.Sum256([]byte("download 1 " + known))
	return hex.EncodeToString(digest[:16])
}

// Download carries out an order, and resumes what an earlier one left. It ends with the first address that
// gives the file, when each of them is refused for good, or after Attempts. What is there of the file stays
// for the next time. The caller closes the File.
func (c *Client) Download(ctx context.Context, order Order) (*File, error) {
	mirrors, err := order.mirrors()
	if err != nil {
		return nil, err
	}
	if order.Digests, err = order.Digests.valid(); err != nil {
		return nil, err
	}
	if order.Say == nil {
		order.Say = func(string) {}
	}
	if order.Progress == nil {
		order.Progress = func(int64, int64) {}
	}
	d := &download{Order: order, client: c, mirrors: mirrors, limit: limiter{rate: order.MaxRate}}
	d.partial, err = openPartial(ctx, order.Directory, order.name(mirrors[0]), order.Digests, func() {
		order.Say("another process downloads the same file: waiting for it")
	})
	if err != nil {
		return nil, err
	}
	if err := d.run(ctx); err != nil {
		d.partial.Close()
		return nil, err
	}
	return &File{partial: d.partial, Size: d.partial.size, SHA256: d.partial.sums.digest()}, nil
}

func (d *download) run(ctx context.Context) error {
	if d.partial.size > 0 {
		d.Say("resuming: some of it is here already")
	}
	size := d.partial.size
	return rounds{
		mirrors: d.mirrors, attempts: d.Attempts, say: d.Say,
		progressed: func() bool {
			before := size
			size = d.partial.size
			return size-before >= progressing
		},
	}.run(ctx, func(m *mirror) error { return d.ask(ctx, m) })
}

// local is an error of this machine, which no other server cures.
type local struct{ error }

func (l local) Unwrap() error { return l.error }

func isLocal(err error) bool {
	var found local
	return errors.As(err, &found)
}
