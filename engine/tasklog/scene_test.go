package tasklog_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// scenes are runs as the engine would log them. They run on a made-up clock.
var scenes = map[string]func(sink tasklog.Sink){
	"good":     sceneGood,
	"failing":  sceneFailing,
	"parallel": sceneParallel,
	"retry":    sceneRetry,
	"flood":    sceneFlood,
	"crash":    sceneCrash,
	"progress": sceneProgress,
	"silent":   sceneSilent,
	"long":     sceneLong,
}

func sceneGood(sink tasklog.Sink) {
	run := tasklog.Begin(sink, "run", "ota")
	read := run.BeginStep("step", "Read the running release", tasklog.Step{ID: "current"})
	read.Info("it is firmware-1")
	read.Done("")
	unpack := run.BeginStep("step", "Verify and unpack firmware-2.tar.zst.gpg", tasklog.Step{ID: "fw"})
	time.Sleep(3 * time.Second)
	unpack.Warn("the package's clock is 2 hours ahead")
	unpack.Done("firmware-2")
	guarded := run.BeginStep("step", "Migrate", tasklog.Step{Path: "steps[2]"})
	guarded.Skip("when is false")
	hook := run.BeginStep("step", "Post-install", tasklog.Step{Path: "steps[3]"})
	script := hook.Begin("attempt", "firmware-2/.post-install")
	script.Output("starting the service")
	script.Output("it runs")
	time.Sleep(62 * time.Second)
	script.Done("")
	hook.Done("")
	time.Sleep(time.Hour)
	run.Done("firmware-2 is in place")
}

func sceneFailing(sink tasklog.Sink) {
	run := tasklog.Begin(sink, "run", "ota")
	run.Info("from /opt/firmware")
	switched := run.BeginStep("step", "Switch", tasklog.Step{ID: "switch"})
	switched.Done("")
	hook := run.BeginStep("step", "Post-install", tasklog.Step{ID: "post"})
	hook.Info("timeout 10 minutes")
	check := hook.Begin("attempt", "check")
	check.Info("the disk has room")
	check.Done("")
	script := hook.Begin("attempt", ".post-install")
	script.Output("opening the database")
	script.Warn("the database is old")
	script.Output("cannot open the database")
	err := fault.New(fault.Failed, "hook-failed", "the hook .post-install ended with exit code 1").
		WithHint("run it by hand with: /opt/firmware/firmware-2/.post-install")
	time.Sleep(2 * time.Second)
	script.Fail(err)
	hook.Info("giving up")
	hook.Fail(err)
	undo := run.BeginStep("undo", "Put the link back", tasklog.Step{ID: "switch"})
	undo.Fail(errors.Join(errors.New("the link is in the way"), errors.New("the disk is gone")))
	run.Fail(fmt.Errorf("step post: %w", err))
}

func sceneParallel(sink tasklog.Sink) {
	run := tasklog.Begin(sink, "run", "both")
	left, right := run.BeginStep("step", "left", tasklog.Step{ID: "left"}), run.BeginStep("step", "right", tasklog.Step{ID: "right"})
	one, two := left.BeginStep("step", "fetch", tasklog.Step{ID: "one"}), right.BeginStep("step", "fetch", tasklog.Step{ID: "two"})
	left.Info("from the left")
	right.Info("from the right")
	one.Output("1")
	two.Output("2")
	same, again := left.BeginStep("step", "same", tasklog.Step{ID: "a"}), left.BeginStep("step", "same", tasklog.Step{ID: "b"})
	same.Info("the first of that name")
	again.Info("the second of that name")
	same.Done("")
	again.Done("")
	one.Done("")
	two.Fail(fault.New(fault.Failed, "download-failed", "the server said 404"))
	left.Fail(fault.New(fault.Interrupted, "interrupted", "a sibling failed"))
	right.Fail(fault.New(fault.Failed, "download-failed", "the server said 404"))
	after := run.BeginStep("step", "after", tasklog.Step{ID: "after"})
	after.Info("alone again")
	after.Done("")
	run.Fail(fault.New(fault.Failed, "download-failed", "the server said 404"))
}

func sceneRetry(sink tasklog.Sink) {
	run := tasklog.Begin(sink, "run", "health")
	for _, end := range []string{"healthy", "never"} {
		wait := run.BeginStep("step", "Wait until "+end, tasklog.Step{ID: end})
		for i := range 3 {
			attempt := wait.Begin("attempt", fmt.Sprintf("attempt %d", i+1))
			attempt.Info("asking")
			if i == 2 && end == "healthy" {
				attempt.Done("")
			} else {
				attempt.Fail(fault.New(fault.Failed, "not-healthy", "answer %d was 503", i+1))
			}
		}
		if end == "healthy" {
			wait.Done("")
		} else {
			wait.Fail(fault.New(fault.Failed, "not-healthy", "answer 3 was 503"))
		}
	}
	run.Fail(fault.New(fault.Failed, "not-healthy", "answer 3 was 503"))
}

func sceneFlood(sink tasklog.Sink) {
	run := tasklog.Begin(sink, "run", "flood")
	hook := run.BeginStep("step", "Talk", tasklog.Step{ID: "talk"})
	script := hook.Begin("attempt", "script")
	for i := range 5000 {
		script.Output(fmt.Sprintf("line %d\x1b[31m\xff", i+1))
	}
	script.Fail(errors.New("too much"))
	hook.Fail(errors.New("too much"))
	run.Fail(errors.New("too much"))
}

// sceneCrash is a log in which one process died and another continued.
func sceneCrash(sink tasklog.Sink) {
	run := tasklog.Begin(sink, "run", "ota")
	step := run.BeginStep("step", "Switch", tasklog.Step{ID: "switch"})
	hidden := step.Begin("attempt", "rename")
	hidden.Info("about to rename")
	recovery := tasklog.Begin(sink, "recover", "recover ota")
	undo := recovery.BeginStep("undo", "Switch", tasklog.Step{ID: "switch"})
	undo.Done("it was never switched")
	recovery.Done("")
}

func sceneProgress(sink tasklog.Sink) {
	run := tasklog.Begin(sink, "run", "ota")
	unpack := run.BeginStep("step", "Verify and unpack firmware-2", tasklog.Step{ID: "fw"})
	hidden := unpack.Begin("attempt", "attempt 1")
	const total = 200 << 20
	for done := int64(0); done <= total; done += 7 << 20 {
		hidden.Progress(done, total, "bytes")
		time.Sleep(350 * time.Millisecond)
	}
	hidden.Done("")
	unpack.Done("")
	count := run.BeginStep("step", "Count", tasklog.Step{ID: "count"})
	for i := range int64(4) {
		count.Progress(i*50, 0, "files")
		time.Sleep(3 * time.Second)
	}
	count.Info("counted")
	count.Done("")
	run.Done("")
}

// sceneSilent is a run whose steps say nothing for long.
func sceneSilent(sink tasklog.Sink) {
	run := tasklog.Begin(sink, "run", "ota")
	run.Limit("timeout", 30*time.Second)
	begin := func(name string, number int) *tasklog.Task {
		return run.BeginStep("step", name, tasklog.Step{Number: number, Of: 4})
	}
	stop := begin("Stop the application", 1)
	stop.Limit("timeout", 10*time.Minute)
	stop.Limit("within", 5*time.Second)
	time.Sleep(2500 * time.Millisecond)
	stop.Done("")

	wait := begin("Wait until healthy", 2)
	for i := range 2 {
		attempt := wait.BeginCounted("attempt", fmt.Sprintf("Attempt %d of 5", i+1), i+1, 5)
		attempt.Limit("timeout", 90*time.Second)
		time.Sleep(2 * time.Second)
		if i == 1 {
			attempt.Done("")
			break
		}
		attempt.Fail(fault.New(fault.Failed, "not-healthy", "it answered 503"))
		time.Sleep(1500 * time.Millisecond)
	}
	wait.Done("")

	copies := run.BeginStep("for-each", "Copy the files", tasklog.Step{Number: 3, Of: 4})
	for i, name := range []string{"a", "b"} {
		round := copies.BeginStep("round", fmt.Sprintf("%d of 2: %s", i+1, name), tasklog.Step{Number: i + 1, Of: 2})
		time.Sleep(1200 * time.Millisecond)
		round.Done("")
	}
	copies.Done("")

	both := begin("Both boards", 4)
	left, right := both.Begin("step", "left"), both.Begin("step", "right")
	left.Limit("timeout", time.Minute)
	time.Sleep(1300 * time.Millisecond)
	left.Warn("the board is slow")
	time.Sleep(time.Second)
	left.Done("")
	right.Done("")
	both.Done("")
	run.Done("")
}

// sceneLong has lines that are longer than a screen is wide.
func sceneLong(sink tasklog.Sink) {
	run := tasklog.Begin(sink, "run", "ota")
	run.Info("from /opt/firmware, which is a directory with a name that is long enough for this, on a file system of its own")
	step := run.BeginStep("step", "Install", tasklog.Step{ID: "install"})
	step.Output("\tthe program says with tabs\tand with words what it does, and continues until the line is full of words and more")
	step.Output("/opt/firmware/releases/" + strings.Repeat("0123456789", 12))
	step.Warn("更新包已经下载，正在校验签名。更新包已经下载，正在校验签名。更新包已经下载。")
	step.Info("é" + strings.Repeat("é", 60))
	err := fault.New(fault.Refused, "signature-refused", "the package firmware-2.tar.zst.gpg is signed by a key that is not in the keyring").
		WithHint("import the vendor's key by gwe keys import FILE, after its fingerprint was compared on another way")
	step.Fail(err)
	run.Fail(err)
}
