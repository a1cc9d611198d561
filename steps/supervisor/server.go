package supervisor

import (
	"context"
	"math"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// connection is how a daemon is reached, as a step's arguments say.
type connection struct {
	server   value.URL
	username string
	password value.Secret
	// limit bounds one call; attempts is how often a call is tried; patience bounds the wait for a program's
	// state, nil being defaultPatience.
	limit    value.Duration
	attempts int
	patience *value.Duration
}

// defaultPatience is how long a program may take to reach a state, where the recipe does not say.
const defaultPatience = time.Minute

// daemon is one supervisord.
type daemon struct {
	client   *http.Client
	endpoint string
	// shown is the address for people, without a password.
	shown    string
	username string
	password value.Secret
	limit    time.Duration
	attempts int
	patience time.Duration
	// unhurried is set in an undo: a daemon that died or restarts is waited for.
	unhurried bool
	// local is true where the daemon's processes are this machine's.
	local bool
}

// open reads the address; nothing is sent yet.
func (c connection) open() (*daemon, error) {
	address, err := url.Parse(string(c.server))
	if err != nil {
		return nil, invalidServer("%q is not an address", c.server)
	}
	d := &daemon{
		shown: address.Redacted(), username: c.username, password: c.password,
		limit: c.limit.Std(), attempts: c.attempts, patience: defaultPatience,
	}
	if c.patience != nil {
		d.patience = c.patience.Std()
	}
	switch {
	case c.attempts < 1 || c.attempts > 100:
		return nil, fault.New(fault.Refused, "supervisor-attempts-invalid", "attempts is %d", c.attempts).WithHint("write a number from 1 to 100")
	case d.limit <= 0:
		return nil, fault.New(fault.Refused, "supervisor-timeout-invalid", "rpc-timeout is nothing").WithHint("write 60s, for example")
	}
	if _, given := address.User.Password(); given {
		return nil, fault.New(fault.Refused, "supervisor-password-exposed", "the address of supervisord holds a password").
			WithHint("give it as the argument password: addresses are shown and journaled")
	}
	if name := address.User.Username(); name != "" {
		d.username = name
	}
	transport := &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10}
	switch address.Scheme {
	case "unix":
		if address.Host != "" || !filepath.IsAbs(address.Path) {
			return nil, invalidServer("%q names no socket", c.server)
		}
		socket := address.Path
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialSocket(ctx, socket)
		}
		d.endpoint, d.local = "http://localhost/RPC2", true
	case "http", "https":
		if address.Path == "" || address.Path == "/" {
			address.Path = "/RPC2"
		}
		d.local = isLocal(address.Hostname())
		address.User = nil
		d.endpoint = address.String()
	default:
		return nil, invalidServer("%q is of a kind that supervisord does not have", c.server)
	}
	d.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	return d, nil
}

const (
	// forever is the patience that the context alone bounds.
	forever time.Duration = math.MaxInt64
	// undoLimit is what one call of an undo has at least.
	undoLimit = time.Minute
	// undoReach is how long an undo tries at least to reach a daemon. systemd starts one that died again
	// after up to 50 s, as Debian's unit has it.
	undoReach = 2 * time.Minute
)

// forUndo is the daemon as an undo asks it. What the step has waited for is not a measure for its undo: a
// program that fails a step because it takes long to stop takes as long then. supervisord sees to it that it
// ends (stopwaitsecs), or runs (startsecs, startretries).
func (d *daemon) forUndo() *daemon {
	patient := *d
	patient.unhurried, patient.limit, patient.patience = true, max(d.limit, undoLimit), forever
	return &patient
}

func invalidServer(format string, arguments ...any) error {
	return fault.New(fault.Refused, "supervisor-server-invalid", format, arguments...).
		WithHint("write unix:///var/run/supervisor.sock or http://HOST:PORT/RPC2")
}

// isLocal reports whether a host is surely this machine.
func isLocal(host string) bool {
	if host == "localhost" {
		return true
	}
	address := net.ParseIP(host)
	if address == nil || address.IsLoopback() {
		return address != nil
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, one := range own {
		if network, ok := one.(*net.IPNet); ok && network.IP.Equal(address) {
			return true
		}
	}
	return false
}
