package supervisor_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/bundle"
)

const ota = "../../recipes/ota.yaml"

// otaDevice is a gateway whose app is a program of supervisord and runs from the release:
//
//	opt/       the releases, and current
//	told       one line a hook: RELEASE HOOK, and the mark of the app that ran then, or -
//	conf.d/    app.conf comes with the release: post-install copies it there
type otaDevice struct {
	*gateway
	vendor string
}

func newOTADevice(t *testing.T, binary ...string) *otaDevice {
	t.Helper()
	d := &otaDevice{newGateway(t, binary...), t.TempDir()}
	key, err := bundle.NewKey("vendor", "", bundle.NewKeyOptions{Directory: d.vendor})
	d.must(err)
	_, err = bundle.ImportKeys(d.vendor+"/keys", key.Public)
	d.must(err)
	d.must(os.Mkdir(d.path("opt"), 0o755))
	for name, command := range map[string]string{
		"app-1": "exec " + os.Args[0], "app-2": "exec " + os.Args[0],
		"app-dies":    "echo no database >&2; exit 3",
		"app-bad":     "exec " + os.Args[0], // and its post-install fails
		"app-nothing": "-",                  // it brings no configuration
	} {
		d.pack(name, command, key.Secret)
	}
	return d
}

// pack makes a release. Its app runs through current, as one of the field does.
func (d *otaDevice) pack(name, command, key string) {
	d.Helper()
	directory := filepath.Join(d.vendor, name)
	hook := `#!/bin/sh
set -eu
echo "${1##*/} ${0##*/} $(cat D/mark 2>/dev/null || echo -)" >> D/told
`
	app := "#!/bin/sh\nexport GORACE=atexit_sleep_ms=0 " + markVariable + "=D/mark=" + name + "\n" + command + "\n"
	startSeconds := 1
	if name == "app-dies" {
		startSeconds = 20 // on a busy machine it may take a while until it dies
	}
	conf := fmt.Sprintf("[program:app]\ncommand=D/opt/current/app\nstartsecs=%d\nstartretries=1\nenvironment=RELEASE=%q\nstdout_logfile=D/out\nstderr_logfile=D/err\n", startSeconds, name)
	files := map[string]string{"app": app, "conf": conf, ".pre-install": hook, ".post-install": hook + "cp \"$1/conf\" D/conf.d/app.conf\n[ ${1##*/} != app-bad ]\n"}
	if command == "-" {
		files[".post-install"] = hook
	}
	d.must(os.Mkdir(directory, 0o755))
	for file, text := range files {
		d.must(os.WriteFile(filepath.Join(directory, file), []byte(strings.ReplaceAll(text, "D/", d.directory+"/")), 0o755))
	}
	_, err := bundle.Pack(d.Context(), bundle.PackOptions{Directory: directory, SigningKey: key, Output: directory + ".tar.zst.gpg"})
	d.must(err)
}

func (d *otaDevice) update(name string) map[string]string {
	return map[string]string{
		"package": filepath.Join(d.vendor, name+".tar.zst.gpg"), "target": d.path("opt"), "keyring": d.vendor + "/keys",
		"programs": "[app]", "supervisor": d.server(),
	}
}

// wantRelease checks the link, the app that runs, and the configuration that supervisord has for it; "" is
// none.
func (d *otaDevice) wantRelease(name string) {
	d.Helper()
	link, _ := os.Readlink(d.path("opt/current"))
	if filepath.Base(link) != name && link != name {
		d.Errorf("current is %q, want %q", link, name)
	}
	if name == "" {
		d.wantState("app", "", "")
		return
	}
	d.wantState("app", "RUNNING", name)
	if conf := d.read("conf.d/app.conf"); !strings.Contains(conf, name) {
		d.Errorf("the configuration is not that of %s:\n%s", name, conf)
	}
}

// wantTold checks what the hooks wrote down since the last time.
func (d *otaDevice) wantTold(lines ...string) {
	d.Helper()
	if got, want := strings.TrimSpace(d.read("told")), strings.Join(lines, "\n"); got != want {
		d.Errorf("the hooks say\n%s\nwant\n%s", got, want)
	}
	d.write("told", "")
}

// TestOTA installs, updates and fails to, with the app as a program of Debian's supervisord, its clock
// included.
func TestOTA(t *testing.T) {
	t.Parallel()
	d := newOTADevice(t, "supervisord")

	// A first installation: supervisord knows no app. Where it fails, there is none again.
	wantFault(t, d.bench.WantExit(3, ota, d.update("app-dies")), "supervisor-fatal", "app does not run", "no database")
	d.wantRelease("")
	d.must(os.Remove(d.path("conf.d/app.conf"))) // of a first installation the hooks' own doings stay
	d.write("told", "")
	wantFault(t, d.bench.WantExit(3, ota, d.update("app-nothing")), "supervisor-bad-name", "app")
	d.wantRelease("")
	d.write("told", "")
	d.bench.WantExit(0, ota, d.update("app-1"))
	d.wantRelease("app-1")
	d.wantTold("app-1 .pre-install -", "app-1 .post-install -")

	// The programs are stopped before the first hook, and start after the last one.
	d.bench.WantExit(0, ota, d.update("app-2"))
	d.wantRelease("app-2")
	d.wantTold("app-2 .pre-install -", "app-2 .post-install -")

	result := d.bench.WantExit(3, ota, d.update("app-dies"))
	wantFault(t, result, "supervisor-fatal", "app does not run", "no database")
	if len(result.Others) > 0 {
		t.Errorf("the unwinding complains: %v", result.Others)
	}
	d.wantRelease("app-2")
	d.wantTold("app-dies .pre-install -", "app-dies .post-install -", "app-2 .pre-install -", "app-2 .post-install -")

	wantFault(t, d.bench.WantExit(3, ota, d.update("app-bad")), "process-exit")
	d.wantRelease("app-2")

	// A program that did not run does not run afterwards.
	d.must(d.Stop("app"))
	d.bench.WantExit(3, ota, d.update("app-bad"))
	d.wantState("app", "STOPPED", "")
	wantFault(t, d.bench.WantExit(3, ota, d.update("app-dies")), "supervisor-fatal")
	d.wantState("app", "STOPPED", "")
}

// TestOTAWithoutSupervisord: no hook has run when that is found, and without programs it is not asked for.
func TestOTAWithoutSupervisord(t *testing.T) {
	t.Parallel()
	d := newOTADevice(t)
	inputs := d.update("app-1")
	inputs["supervisor"] = "unix://" + d.path("none")
	wantFault(t, d.bench.WantExit(3, ota, inputs), "supervisor-unreachable")
	d.wantTold()
	if left, _ := filepath.Glob(d.path("opt/*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	inputs["programs"] = "[]"
	d.bench.WantExit(0, ota, inputs)
}

// disturbed prepares an update of a device that runs app-1. check wants app-2 where it committed, app-1 where
// it did not.
func (d *otaDevice) disturbed() (arrange func(), check func(committed bool)) {
	d.Helper()
	d.bench.WantExit(0, ota, d.update("app-1"))
	d.must(os.CopyFS(d.path("saved"), os.DirFS(d.path("opt"))))
	arrange = func() {
		d.must(d.Stop("app"))
		d.must(os.RemoveAll(d.path("opt")))
		d.must(os.CopyFS(d.path("opt"), os.DirFS(d.path("saved"))))
		d.must(os.WriteFile(d.path("conf.d/app.conf"), []byte(d.read("opt/current/conf")), 0o644))
		d.must(d.Reload("app"))
		d.wantRelease("app-1")
	}
	check = func(committed bool) {
		if committed {
			d.wantRelease("app-2")
		} else {
			d.wantRelease("app-1")
		}
		d.bench.WantNothingHidden(d.path("opt"))
	}
	return arrange, check
}

// TestOTADisturbed lets an update fail after every step.
func TestOTADisturbed(t *testing.T) {
	t.Parallel()
	d := newOTADevice(t)
	arrange, check := d.disturbed()
	if failures := d.bench.FailEverywhere(ota, d.update("app-2"), arrange, check); failures != 9 {
		t.Errorf("it failed after %d steps", failures)
	}
}

// TestOTAKilled kills gwe everywhere: in an update, and in one whose app dies.
func TestOTAKilled(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"app-2", "app-dies"} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			d := newOTADevice(t)
			arrange, check := d.disturbed()
			if kills := d.bench.KillEverywhere(ota, d.update(release), arrange, check); kills < 30 {
				t.Errorf("%d kills prove nothing", kills)
			}
		})
	}
}
