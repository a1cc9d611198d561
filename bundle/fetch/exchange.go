package fetch

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
)

// MostRedirects is how many redirects are followed.
const MostRedirects = 10

// userAgent is what servers are told.
const userAgent = "gwe"

// exchange sends a GET with the headers, follows redirects, and gives the first answer that is none. trusted
// says that the address may be sent the credentials. The caller closes the body.
func (c *Client) exchange(ctx context.Context, address *url.URL, trusted bool, headers map[string]string) (*http.Response, error) {
	from := address
	for range MostRedirects + 1 {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
		if err != nil {
			return nil, unreadable()
		}
		named := sameOrigin(from, address)
		c.dress(request, headers, named && trusted)
		transport := c.foreign
		if named {
			transport = c.named
		}
		response, err := transport.RoundTrip(request)
		if err != nil {
			return nil, unreachable(ctx, address, err)
		}
		if !redirects(response) {
			return response, nil
		}
		_ = response.Body.Close()
		if address, err = redirected(address, response.Header.Get("Location")); err != nil {
			return nil, err
		}
	}
	return nil, fault.New(fault.Failed, "download-redirect-loop", "cannot download %s: it is redirected more than %d times", shown(from), MostRedirects).
		WithHint("see where it leads: curl -sIL %s", shown(from)).AsPermanent()
}

// dress sets the headers of a request.
func (c *Client) dress(request *http.Request, headers map[string]string, trusted bool) {
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set("Accept", "*/*")
	request.Header.Set("Accept-Encoding", "identity")
	if trusted {
		for name, text := range c.access.Headers {
			request.Header.Set(name, text)
		}
		switch {
		case c.access.User != "":
			request.SetBasicAuth(c.access.User, c.access.Password)
		case c.access.Token != "":
			request.Header.Set("Authorization", "Bearer "+c.access.Token)
		}
	}
	for name, text := range headers {
		request.Header.Set(name, text)
	}
}

func redirects(response *http.Response) bool {
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// redirected is where an answer leads.
func redirected(from *url.URL, location string) (*url.URL, error) {
	refuse := func(class fault.Class, why string) error {
		return fault.New(class, "download-redirect-refused", "cannot download %s: %s", shown(from), why).
			WithHint("see where it leads: curl -sIL %s; name an address that leads there safely", shown(from)).AsPermanent()
	}
	to, err := from.Parse(location)
	if location == "" || err != nil {
		return nil, refuse(fault.Failed, "it is redirected to nowhere")
	}
	to.User, to.Fragment, to.RawFragment = nil, "", ""
	switch {
	case to.Scheme == "http" && from.Scheme == "https":
		return nil, refuse(fault.Refused, "it is redirected from https to http, to "+shown(to))
	case to.Scheme != "http" && to.Scheme != "https" || to.Hostname() == "":
		return nil, refuse(fault.Refused, "it is redirected to "+shown(to)+", which is neither http nor https")
	}
	return to, nil
}

// sameOrigin reports whether credentials for one address may be sent to another: the same host and port, or
// the same host by https on its usual port in place of http on its usual one.
func sameOrigin(from, to *url.URL) bool {
	if !strings.EqualFold(from.Hostname(), to.Hostname()) {
		return false
	}
	if from.Scheme == to.Scheme {
		return port(from) == port(to)
	}
	return from.Scheme == "http" && port(from) == "80" && port(to) == "443"
}

func port(address *url.URL) string {
	switch given := address.Port(); {
	case given != "":
		return given
	case address.Scheme == "https":
		return "443"
	}
	return "80"
}
