package gateway

// Reporter is what a gateway says its findings to: a test, or a campaign's own. Fatal and Fatalf end the
// goroutine.
type Reporter interface {
	Helper()
	Error(arguments ...any)
	Errorf(format string, arguments ...any)
	Fatal(arguments ...any)
	Fatalf(format string, arguments ...any)
	Logf(format string, arguments ...any)
	Failed() bool
	TempDir() string
	Cleanup(func())
}
