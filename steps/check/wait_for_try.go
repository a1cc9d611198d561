package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
)

const (
	mostRedirects = 5
	// mostHeader bounds the head of an answer, in bytes. Its body is not read.
	mostHeader = 64 << 10
)

func (a waitForArguments) tcp(ctx context.Context, _ *step.Run) error {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.TCP)
	if err != nil {
		return err
	}
	return connection.Close()
}

func (a waitForArguments) file(_ context.Context, run *step.Run) error {
	_, err := run.Machine.Lstat(string(a.File))
	missing := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
	switch {
	case err != nil && !missing:
		return err
	case a.State == "present" && missing:
		return fmt.Errorf("%s is not there", a.File)
	case a.State == "absent" && !missing:
		return fmt.Errorf("%s is still there", a.File)
	}
	return nil
}

// run runs the command; its last line is part of the reason.
func (a waitForArguments) run(ctx context.Context, run *step.Run) error {
	last := ""
	command := process.Command{
		Arguments:   a.Command,
		Directory:   "/",
		Environment: append(process.BaseEnvironment(), run.Environment...),
		Started:     run.Started,
		Filter:      run.Log.Filter,
		Output: func(_, line string) {
			if strings.TrimSpace(line) != "" {
				last = line
			}
		},
	}
	// env would tell of a missing interpreter by its exit code alone.
	if err := command.Examine(); err != nil {
		return err
	}
	result, err := process.Run(ctx, command)
	if err == nil {
		err = result.Check(a.Command[0])
	}
	if err != nil && last != "" {
		return fmt.Errorf("%w: %s", err, strings.ToValidUTF8(last, "\uFFFD"))
	}
	return err
}

// answers asks the URL once, on a connection of its own.
func (a waitForArguments) answers(ctx context.Context, _ *step.Run) error {
	refused := ""
	client := http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: mostHeader},
		CheckRedirect: func(request *http.Request, before []*http.Request) error {
			first := before[0].URL
			if request.URL.Host == first.Host && (request.URL.Scheme == first.Scheme || request.URL.Scheme == "https") && len(before) <= mostRedirects &&
				!slices.Contains(a.Status, request.Response.StatusCode) {
				return nil
			}
			refused = request.URL.Redacted()
			return http.ErrUseLastResponse
		},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, string(a.HTTP), nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "gwe")
	response, err := client.Do(request)
	if err != nil {
		// The URL may hold a password, and stands in the message already.
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return err
	}
	defer response.Body.Close()
	if slices.Contains(a.Status, response.StatusCode) || len(a.Status) == 0 && response.StatusCode/100 == 2 {
		return nil
	}
	if refused != "" {
		return fmt.Errorf("it answered %s, a redirect to %s, which is not followed", response.Status, refused)
	}
	return fmt.Errorf("it answered %s", response.Status)
}
