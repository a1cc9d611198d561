package fetch

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
)

// Access is how servers are reached, and what they are told.
type Access struct {
	// User and Password are basic authentication, Token is a bearer token, and Headers are sent besides. An
	// empty one is not sent.
	User, Password, Token string
	Headers               map[string]string
	// CA is a file of certificates in PEM that replaces the machine's own; ClientCertificate and ClientKey
	// are files in PEM. "" is none.
	CA, ClientCertificate, ClientKey string
	// Pins are SHA-256 digests of public keys (SubjectPublicKeyInfo): base64 with or without the prefix
	// "sha256//", as curl has it. The key of the server's certificate must be one of them, besides all else
	// that is checked. None is no pin.
	Pins []string
	// Connect bounds connecting and the TLS handshake, each; it is more than nothing.
	Connect time.Duration
	// LowSpeed is how many bytes a second an answer has at least, on average over LowSpeedTime. With 0 only
	// an answer without any byte in that time counts as stalled.
	LowSpeed     int64
	LowSpeedTime time.Duration
}

// Client reaches servers. It may be used by several goroutines.
type Client struct {
	access Access
	// named is for hosts that the caller named, and foreign for those of redirects: it shows them no client
	// certificate.
	named, foreign *http.Transport
}

const (
	// mostHeader bounds the head of an answer, in bytes.
	mostHeader = 64 << 10
	// mostPEM bounds files of certificates and keys, in bytes.
	mostPEM = 4 << 20
)

var errPin = errors.New("the server's public key is not one of those that are pinned")

// NewClient reads the files of an Access. It connects to nothing. Its faults are download-tls-invalid and
// download-option-invalid.
func NewClient(ctx context.Context, access Access) (*Client, error) {
	if access.Connect <= 0 || access.LowSpeedTime <= 0 || access.LowSpeed < 0 {
		return nil, invalidOption("a time-out is not more than nothing").WithHint("write connect-timeout: 30s and low-speed-time: 1m, for example")
	}
	for name, text := range access.Headers {
		if !validHeader(name, text) {
			return nil, invalidOption("%q is not a header, or one that gwe sets itself", name).
				WithHint("write headers: { X-Name: text }, in one line and without Range, If-Range, Host, Connection and Accept-Encoding")
		}
	}
	if access.Token != "" && access.User != "" {
		return nil, invalidOption("there are both a user and a token").WithHint("keep one of the two")
	}
	if access.Password != "" && access.User == "" {
		return nil, invalidOption("there is a password without a user").WithHint("write user: NAME")
	}
	if strings.ContainsAny(access.Token, "\r\n") || strings.Contains(access.User, ":") {
		return nil, invalidOption("the token has a line break, or the user a colon").WithHint("trim the token; a user has no colon")
	}
	settings, err := access.tls(ctx)
	if err != nil {
		return nil, err
	}
	foreign := settings.Clone()
	foreign.Certificates = nil
	return &Client{access: access, named: access.transport(settings), foreign: access.transport(foreign)}, nil
}

// taken are the headers that gwe sets itself, and those that change how an answer is framed.
var taken = []string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Host", "Connection",
	"Accept-Encoding", "Te", "Trailer", "Transfer-Encoding", "Content-Length", "Upgrade", "Expect", "Proxy-Authorization"}

func validHeader(name, text string) bool {
	const token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	if name == "" || strings.Trim(name, token) != "" {
		return false
	}
	for _, one := range []byte(text) {
		if one < ' ' && one != '\t' || one == 0x7f {
			return false
		}
	}
	for _, one := range taken {
		if http.CanonicalHeaderKey(name) == one {
			return false
		}
	}
	return true
}

func (a Access) transport(settings *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: a.Connect}).DialContext,
		TLSClientConfig:        settings,
		TLSHandshakeTimeout:    a.Connect,
		ResponseHeaderTimeout:  a.LowSpeedTime,
		MaxResponseHeaderBytes: mostHeader,
		DisableKeepAlives:      true,
		DisableCompression:     true,
	}
}

func (a Access) tls(ctx context.Context) (*tls.Config, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.CA != "" {
		text, err := regular.ReadForeign(ctx, a.CA, mostPEM)
		if err != nil {
			return nil, invalidTLS("cannot read the certificates of %s", a.CA).WithHint("name a file in PEM that gwe can read").WithCause(err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(text) {
			return nil, invalidTLS("%s holds no certificate in PEM", a.CA).WithHint("it begins with -----BEGIN CERTIFICATE-----")
		}
	}
	if (a.ClientCertificate == "") != (a.ClientKey == "") {
		return nil, invalidTLS("of a client certificate and its key, one is missing").WithHint("give client-cert and client-key")
	}
	if a.ClientCertificate != "" {
		certificate, certificateErr := regular.ReadForeign(ctx, a.ClientCertificate, mostPEM)
		key, keyErr := regular.ReadForeign(ctx, a.ClientKey, mostPEM)
		if err := errors.Join(certificateErr, keyErr); err != nil {
			return nil, invalidTLS("cannot read the client certificate %s or its key", a.ClientCertificate).
				WithHint("name files in PEM that gwe can read").WithCause(err)
		}
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			return nil, invalidTLS("cannot use the client certificate %s", a.ClientCertificate).
				WithHint("give the key of this certificate, in PEM and without a passphrase").WithCause(err)
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	if len(a.Pins) == 0 {
		return settings, nil
	}
	pins := map[[sha256.Size]byte]bool{}
	for _, text := range a.Pins {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "sha256//"))
		if err != nil || len(raw) != sha256.Size {
			return nil, invalidTLS("%q is not a pinned key", text).
				WithHint("write sha256//BASE64: openssl x509 -in CERT -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64")
		}
		pins[[sha256.Size]byte(raw)] = true
	}
	settings.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 || !pins[sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo)] {
			return errPin
		}
		return nil
	}
	return settings, nil
}

func invalidOption(format string, arguments ...any) *fault.Fault {
	return fault.New(fault.Refused, "download-option-invalid", format, arguments...)
}

func invalidTLS(format string, arguments ...any) *fault.Fault {
	return fault.New(fault.Refused, "download-tls-invalid", format, arguments...)
}
