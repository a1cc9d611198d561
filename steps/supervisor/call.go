package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/pace"
)

const (
	// largestAnswer bounds what is read of an answer.
	largestAnswer = 16 << 20
	// pauseBetween is how long a call waits before it is tried again.
	pauseBetween = time.Second
)

// call asks the daemon, as often as the attempts allow while it cannot be reached or dies in the middle. what
// says it for people: "start app".
func (d *daemon) call(ctx context.Context, what, method string, arguments ...any) (any, error) {
	return d.try(ctx, true, what, method, arguments...)
}

// callOnce is call for what must not happen twice: it is tried again only where the daemon was not even
// reached.
func (d *daemon) callOnce(ctx context.Context, what, method string, arguments ...any) (any, error) {
	return d.try(ctx, false, what, method, arguments...)
}

func (d *daemon) try(ctx context.Context, repeatable bool, what, method string, arguments ...any) (any, error) {
	begun := pace.Now(ctx)
	for attempt := 1; ; attempt++ {
		answer, err := d.once(ctx, what, method, arguments...)
		// While it restarts it stops its programs first, and refuses every call.
		restarting := d.unhurried && isFault(err, faultShutdownState)
		enough := attempt >= d.attempts && (!d.unhurried || pace.Now(ctx)-begun >= undoReach)
		if !restarting && (enough || !isAbsent(err) && !(repeatable && isUnreachable(err))) {
			return answer, err
		}
		switch interrupted := pace.Sleep(ctx, pauseBetween); {
		case interrupted != nil && d.unhurried:
			return nil, err // it says more than that the time is over
		case interrupted != nil:
			return nil, interrupted
		}
	}
}

// pause waits, or gives the context's error.
func pause(ctx context.Context, span time.Duration) error {
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *daemon) once(ctx context.Context, what, method string, arguments ...any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, d.limit)
	defer cancel()
	raw, err := d.exchange(limited, what, encodeCall("supervisor."+method, arguments...))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case fault.As(err) != nil:
		return nil, fault.As(err) // without the words of net/http
	case err != nil:
		return nil, d.unreachable(what, err)
	}
	answer, err := decodeResponse(raw)
	var told *rpcFault
	switch {
	case errors.As(err, &told):
		return nil, faulted(told, what)
	case err != nil:
		return nil, d.garbled(what, err)
	}
	return answer, nil
}

// exchange sends a request and reads the whole answer.
func (d *daemon) exchange(ctx context.Context, what string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "text/xml")
	request.Header.Set("User-Agent", "gwe")
	if d.username != "" || !d.password.IsZero() {
		request.SetBasicAuth(d.username, d.password.Reveal())
	}
	answer, err := d.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized:
		return nil, fault.New(fault.Failed, "supervisor-unauthorized", "%s: supervisord at %s does not take this user and password", what, d.shown).
			WithHint("give username and password as its [unix_http_server] or [inet_http_server] has them")
	default:
		return nil, fault.New(fault.Failed, "supervisor-http", "%s: %s answers HTTP %s", what, d.shown, answer.Status).
			WithHint("see that the address is supervisord's, with the path /RPC2, and see its own log")
	}
	raw, err := io.ReadAll(io.LimitReader(answer.Body, largestAnswer+1))
	if err == nil && len(raw) > largestAnswer {
		err = fault.New(fault.Failed, "supervisor-answer-too-large", "%s: %s answers with more than 16 MiB", what, d.shown)
	}
	return raw, err
}

const (
	codeUnreachable = "supervisor-unreachable"
	codeTimeout     = "supervisor-timeout"
	codeInterrupted = "supervisor-connection-lost"
)

// unreachable tells what became of the connection: the daemon is not there, does not answer, or died in the
// middle.
func (d *daemon) unreachable(what string, err error) error {
	var dialing *net.OpError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &dialing) && dialing.Op == "dial":
		hint := "see whether supervisord runs, and where: systemctl status supervisor"
		if errors.Is(err, os.ErrPermission) {
			hint = "run gwe as the user who may write to the socket (chmod and chown in [unix_http_server])"
		}
		return fault.New(fault.Failed, codeUnreachable, "%s: supervisord cannot be reached at %s", what, d.shown).WithHint("%s", hint).WithCause(dialing)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fault.New(fault.Failed, codeTimeout, "%s: supervisord at %s did not answer within %s", what, d.shown, d.limit).
			WithHint("see whether it hangs, or raise rpc-timeout").WithCause(fmt.Errorf("no answer"))
	}
	return fault.New(fault.Failed, codeInterrupted, "%s: supervisord at %s broke the connection before it had answered", what, d.shown).
		WithHint("see supervisord's own log: it may have died").WithCause(err)
}

func (d *daemon) garbled(what string, err error) error {
	return fault.New(fault.Failed, "supervisor-garbled", "%s: what %s answers is not XML-RPC", what, d.shown).
		WithHint("see that the address is supervisord's").WithCause(err)
}

// isUnreachable tells the errors of a connection from the answers of a daemon.
func isUnreachable(err error) bool {
	found := fault.As(err)
	return found != nil && (found.Code == codeUnreachable || found.Code == codeTimeout || found.Code == codeInterrupted)
}

// isAbsent tells that there is no daemon: nobody listens.
func isAbsent(err error) bool {
	found := fault.As(err)
	return found != nil && found.Code == codeUnreachable
}
