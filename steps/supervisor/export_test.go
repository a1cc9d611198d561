package supervisor

import (
	"context"
	"time"

	"github.com/gwe-project/gwe/engine/value"
)

// For the tests outside of the package, which need the whole catalog.

var (
	DecodeResponse = decodeResponse
	EncodeCall     = encodeCall
)

// Rendered is what supervisor-conf makes of an app's file.
func Rendered(app string, text []byte) ([]byte, error) {
	if err := checkApp(app); err != nil {
		return nil, err
	}
	options, err := parseConf(text)
	return render(app, options), err
}

// Daemon asks a supervisord directly.
type Daemon struct{ *daemon }

// Open gives the daemon on that socket.
func Open(server string) Daemon {
	patience := value.DurationOf(20 * time.Second)
	d, err := connection{
		server: value.URL("unix://" + server), attempts: 1,
		limit: value.DurationOf(20 * time.Second), patience: &patience,
	}.open()
	if err != nil {
		panic(err)
	}
	return Daemon{d}
}

// Now gives the state and the process of each program.
func (d Daemon) Now() (states map[string]string, pids map[string]int, err error) {
	all, err := d.programs(context.Background())
	states, pids = map[string]string{}, map[string]int{}
	for _, p := range all {
		states[p.spec()], pids[p.spec()] = p.stateName, p.PID
	}
	return states, pids, err
}

// Reload acts on all that differs, and waits until the named programs are RUNNING.
func (d Daemon) Reload(running ...string) error {
	ctx := context.Background()
	differences, err := d.reread(ctx)
	if err != nil {
		return err
	}
	if err := d.apply(ctx, nil, differences); err != nil {
		return err
	}
	all, err := d.programs(ctx)
	if err != nil {
		return err
	}
	chosen, err := choose(all, running)
	if err != nil {
		return err
	}
	return d.start(ctx, nil, chosen)
}

// Stop stops programs.
func (d Daemon) Stop(names ...string) error {
	all, err := d.programs(context.Background())
	if err != nil {
		return err
	}
	chosen, err := choose(all, names)
	if err != nil {
		return err
	}
	return d.stop(context.Background(), nil, chosen)
}
