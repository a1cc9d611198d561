package check_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/check"
	"github.com/gwe-project/gwe/steps/steptest"
)

func TestWaitForConforms(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	quick := func(arguments map[string]any) func(testing.TB, string) map[string]any {
		return func(t testing.TB, root string) map[string]any {
			must(t, os.WriteFile(root+"/there", nil, 0o600))
			given := map[string]any{"interval": "10ms"}
			for name, v := range arguments {
				if text, ok := v.(string); ok {
					v = strings.ReplaceAll(text, "ROOT", root)
				}
				given[name] = v
			}
			return given
		}
	}
	cases := map[string]steptest.Suite{
		"tcp":    {Looks: true, Arrange: quick(map[string]any{"tcp": server.Listener.Addr().String()})},
		"http":   {Looks: true, Arrange: quick(map[string]any{"http": server.URL})},
		"file":   {Looks: true, Arrange: quick(map[string]any{"file": "ROOT/there"})},
		"absent": {Looks: true, Arrange: quick(map[string]any{"file": "ROOT/gone", "state": "absent"})},
		"command that looks": {Looks: true, Arrange: quick(map[string]any{
			"command": []any{"/bin/sh", "-c", "test -d /"},
		})},
		"command that needs three tries": {Looks: true, Arrange: func(t testing.TB, root string) map[string]any {
			tries := filepath.Join(t.TempDir(), "tries") // outside of what is compared
			return map[string]any{"command": []any{"/bin/sh", "-c", `echo try >>"$1"; test "$(wc -l <"$1")" -ge 3`, "sh", tries}, "interval": "10ms"}
		}},
	}
	for name, suite := range cases {
		suite.Type = check.WaitFor()
		t.Run(name, func(t *testing.T) { steptest.Run(t, suite) })
	}
}

func TestWaitForRefuses(t *testing.T) {
	for name, arguments := range map[string]map[string]any{
		"nothing":            {},
		"two":                {"tcp": "127.0.0.1:1", "file": "/x"},
		"no port":            {"tcp": "localhost"},
		"a name for a port":  {"tcp": "localhost:http"},
		"no host":            {"tcp": ":80"},
		"too big a port":     {"tcp": "localhost:65536"},
		"not http":           {"http": "ftp://example.org/x"},
		"no such status":     {"http": "http://localhost/", "status": []any{99}},
		"a status of a file": {"file": "/x", "status": []any{200}},
		"a state of a port":  {"tcp": "127.0.0.1:1", "state": "absent"},
		"no program":         {"command": []any{""}},
		"no interval":        {"file": "/x", "interval": "0s"},
		"no time":            {"file": "/x", "within": "0s"},
	} {
		converted, err := value.Convert(check.WaitFor().Arguments(), arguments)
		must(t, err)
		for _, call := range []func() error{
			func() error {
				_, err := check.WaitFor().Plan(t.Context(), step.Local{}, converted.(map[string]any))
				return err
			},
			func() error {
				_, err := check.WaitFor().Prepare(t.Context(), &step.Run{}, converted.(map[string]any))
				return err
			},
		} {
			found := fault.As(call())
			if found == nil || found.Class != fault.Refused || found.Hint == "" {
				t.Errorf("%s: %v", name, found)
			}
		}
	}
}

// TestWaitForWaits: the fifth time it is there, and as long as it takes it is asked.
func TestWaitForWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := t.TempDir() + "/file"
		go func() {
			time.Sleep(3500 * time.Millisecond)
			_ = os.WriteFile(path, nil, 0o600)
		}()
		outputs, found := done(t, check.WaitFor(), map[string]any{"file": path})
		if found != nil || outputs["tries"] != 5 {
			t.Errorf("%v, %v", outputs, found)
		}
	})
}

// TestWaitForInAnUndo: where the recipe does not say how long, an undo waits as long as it may take, and not
// a second longer.
func TestWaitForInAnUndo(t *testing.T) {
	for name, test := range map[string]struct {
		given     map[string]any
		limit     time.Duration
		recovers  bool
		there, is time.Duration
	}{
		"in time for the undo":    {nil, 5 * time.Minute, true, 4 * time.Minute, 4 * time.Minute},
		"too late for the undo":   {nil, 5 * time.Minute, true, 6 * time.Minute, 5*time.Minute - time.Second},
		"an undo without a limit": {nil, 0, true, time.Hour, 10 * time.Minute},
		"as the recipe says":      {map[string]any{"within": "30s"}, 5 * time.Minute, true, 4 * time.Minute, 30 * time.Second},
		"on the way forward":      {nil, 5 * time.Minute, false, 4 * time.Minute, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path, began := t.TempDir()+"/file", time.Now()
				defer time.Sleep(2 * time.Hour) // until the other goroutine has ended
				go func() {
					time.Sleep(test.there - time.Millisecond)
					_ = os.WriteFile(path, nil, 0o600)
				}()
				arguments, err := value.Convert(check.WaitFor().Arguments(), map[string]any{"file": path})
				must(t, err)
				for key, v := range test.given {
					arguments.(map[string]any)[key], err = value.ParseDuration(v.(string))
					must(t, err)
				}
				ctx := t.Context()
				if test.limit > 0 {
					limited, cancel := context.WithTimeout(ctx, test.limit)
					defer cancel()
					ctx = limited
				}
				run := &step.Run{Machine: step.Local{}, Recovering: test.recovers}
				_, err = check.WaitFor().Do(ctx, run, arguments.(map[string]any), json.RawMessage("{}"))
				if f := fault.As(err); (test.is >= test.there) != (err == nil) || err != nil && (f == nil || f.Code != "wait-for-timeout") || time.Since(began) != test.is {
					t.Errorf("%v after %s, want it after %s", err, time.Since(began), test.is)
				}
			})
		})
	}
}

func TestWaitForGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := t.TempDir() + "/file"
		outputs, found := done(t, check.WaitFor(), map[string]any{"file": path, "interval": "3s", "within": "10s"})
		if found == nil || found.Code != "wait-for-timeout" || found.Class != fault.Failed || outputs["tries"] != 4 ||
			!strings.Contains(found.Error(), "was not ready within 10s: "+path+" is not there") {
			t.Errorf("%v, %v", outputs, found)
		}
	})
}

func TestWaitForIsInterrupted(t *testing.T) {
	for want, stop := range map[error]func(context.Context) (context.Context, context.CancelFunc){
		context.DeadlineExceeded: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 5*time.Second)
		},
		context.Canceled: func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			go func() { time.Sleep(5 * time.Second); cancel() }()
			return ctx, cancel
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := stop(t.Context())
			defer cancel()
			arguments, err := value.Convert(check.WaitFor().Arguments(), map[string]any{"file": "/nothing/here"})
			must(t, err)
			_, err = check.WaitFor().Do(ctx, &step.Run{Machine: step.Local{}}, arguments.(map[string]any), json.RawMessage("{}"))
			if !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		})
	}
}

// TestWaitForTellsWhy: each way to be not ready, by its last reason.
func TestWaitForTellsWhy(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, closed.Close())
	var other atomic.Int32
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { other.Add(1) }))
	defer stranger.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, stranger.URL+"/x", http.StatusFound)
		case "/here":
			http.Redirect(w, r, "/good", http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/endless":
			for r.Context().Err() == nil {
				fmt.Fprint(w, strings.Repeat("x", 1<<16))
			}
		case "/head":
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
		}
	}))
	defer server.Close()
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	withPassword := strings.Replace(server.URL, "http://", "http://user:hunter2@", 1)
	cases := map[string]struct {
		arguments map[string]any
		reason    string
	}{
		"open":              {map[string]any{"tcp": server.Listener.Addr().String()}, ""},
		"closed":            {map[string]any{"tcp": closed.Addr().String()}, "connection refused"},
		"good":              {map[string]any{"http": server.URL + "/good"}, ""},
		"busy":              {map[string]any{"http": server.URL + "/busy"}, "it answered 503 Service Unavailable"},
		"busy is right":     {map[string]any{"http": server.URL + "/busy", "status": []any{200, 503}}, ""},
		"good is wrong":     {map[string]any{"http": server.URL + "/good", "status": []any{503}}, "it answered 200 OK"},
		"nobody":            {map[string]any{"http": "http://" + closed.Addr().String()}, "connection refused"},
		"redirected here":   {map[string]any{"http": server.URL + "/here"}, ""},
		"redirect is right": {map[string]any{"http": server.URL + "/away", "status": []any{302}}, ""},
		"redirected away":   {map[string]any{"http": server.URL + "/away"}, "a redirect to " + stranger.URL + "/x, which is not followed"},
		"in a circle":       {map[string]any{"http": server.URL + "/round"}, "a redirect to " + server.URL + "/round"},
		"endless":           {map[string]any{"http": server.URL + "/endless"}, ""},
		"a long head":       {map[string]any{"http": server.URL + "/head"}, "server response headers exceeded"},
		"not trusted":       {map[string]any{"http": secure.URL}, "certificate"},
		"with a password":   {map[string]any{"http": withPassword + "/busy"}, "it answered 503"},
		"exit code":         {map[string]any{"command": []any{"/bin/sh", "-c", "echo still starting >&2; exit 3"}}, "exited with 3: still starting"},
		"still there":       {map[string]any{"file": "/", "state": "absent"}, "/ is still there"},
	}
	t.Run("all", func(t *testing.T) {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c.arguments["interval"], c.arguments["within"] = "100ms", "700ms"
				if c.reason == "" {
					c.arguments["within"] = "1m"
				}
				_, found := done(t, check.WaitFor(), c.arguments)
				switch {
				case c.reason == "" && found != nil:
					t.Error(found)
				case c.reason != "" && (found == nil || found.Code != "wait-for-timeout" || !strings.Contains(found.Error(), c.reason)):
					t.Errorf("%v, want %q", found, c.reason)
				case found != nil && strings.Contains(found.Error(), "hunter2"):
					t.Errorf("the password is shown: %v", found)
				}
			})
		}
	})
	if other.Load() > 0 {
		t.Error("a redirect to another host was followed")
	}
}

// A command that cannot be run is not tried again.
func TestWaitForNoProgram(t *testing.T) {
	root := t.TempDir()
	must(t, os.WriteFile(root+"/plain", []byte("#!/bin/sh\n"), 0o644))
	must(t, os.WriteFile(root+"/python", []byte("#!/usr/bin/env no-such-python\n"), 0o755))
	must(t, os.WriteFile(root+"/lost", []byte("#!/opt/none/python3\n"), 0o755))
	must(t, os.WriteFile(root+"/bare", []byte("echo\n"), 0o755))
	must(t, os.Symlink("nowhere", root+"/dangling"))
	for program, code := range map[string]string{
		"/no/such/program": "process-not-found", "no-such-program": "process-not-found", "no/such": "process-not-found", root + "/dangling": "process-not-found",
		root + "/plain/below": "process-not-found", root + "/plain": "process-not-executable", root: "process-not-executable",
		root + "/python": "process-interpreter-missing", root + "/lost": "process-interpreter-missing", root + "/bare": "process-no-shebang",
	} {
		began := time.Now()
		outputs, found := done(t, check.WaitFor(), map[string]any{"command": []any{program}, "within": "1m"})
		if found == nil || found.Code != code || outputs["tries"] != 1 || time.Since(began) > 20*time.Second {
			t.Errorf("%s: %v after %v tries", program, found, outputs["tries"])
		}
	}
}
