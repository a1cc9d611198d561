package fetch

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
)

// Shown is an address for people: without user, password, query and fragment, which may be secrets.
func Shown(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return "an address that cannot be read"
	}
	return shown(parsed)
}

func shown(address *url.URL) string {
	plain := url.URL{Scheme: address.Scheme, Host: address.Host, Path: address.Path, RawPath: address.RawPath}
	return plain.String()
}

// parseAddress reads an address that a caller gave. Its fault is download-url-invalid.
func parseAddress(text string) (*url.URL, error) {
	address, err := url.Parse(text)
	if err != nil {
		return nil, unreadable()
	}
	if address.User != nil {
		return nil, invalidURL("the address %s holds a user", shown(address)).
			WithHint("give user and password as arguments: addresses are shown and journaled")
	}
	switch address.Scheme {
	case "http", "https":
		if address.Hostname() == "" || strings.ContainsAny(address.Host, " \t") {
			return nil, invalidURL("the address %s names no host", shown(address)).WithHint("write https://HOST/PATH")
		}
	case "file":
		if address.Host != "" && address.Host != "localhost" || !filepath.IsAbs(address.Path) || address.RawQuery != "" {
			return nil, invalidURL("the address %s names no file of this machine", shown(address)).WithHint("write file:///PATH")
		}
	default:
		return nil, invalidURL("the address %s is of a kind that gwe cannot download", shown(address)).WithHint("http, https and file can be")
	}
	address.Fragment, address.RawFragment = "", ""
	return address, nil
}

// unreadable does not say what is wrong: that would show parts of the address, which may hold secrets.
func unreadable() error {
	return invalidURL("an address cannot be read").WithHint("write https://HOST/PATH, blanks as %%20, and a port in digits")
}

func invalidURL(format string, arguments ...any) *fault.Fault {
	return fault.New(fault.Refused, "download-url-invalid", format, arguments...)
}
