package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/steps"
)

// plannedTypes is one step of each type, with which it would do something in the directory that
// plannedDirectory makes, "D".
var plannedTypes = map[string]string{
	"read-link":          `{ path: D/app/current }`,
	"verify":             `{ package: D/app-3.tar.zst.gpg, keyring: D/keys }`,
	"unpack":             `{ package: D/app-3.tar.zst.gpg, keyring: D/keys, into: D/app, link-dest: D/app/current }`,
	"extract":            `{ archive: D/app-3.tar.zst.gpg, to: D/app-3, link-dest: D/app/current, unverified: allow }`,
	"rsync":              `{ source: D/app/app-1, target: D/app/app-2, delete: true, link-dest: [D/app/current] }`,
	"download":           `{ url: "http://127.0.0.1:1/app", to: D/app/app-3, partial-dir: D/partial }`,
	"swap-link":          `{ link: D/app/current, to: D/app/app-2 }`,
	"hook":               "{ script: hook, dir: D/app/app-2 }\n    undo: none",
	"run":                "{ argv: [touch, D/ran] }\n    undo: none",
	"prune":              `{ dir: D/app, keep: 1 }`,
	"failsafe":           `{ dir: D/plain }`,
	"find-fallback":      `{ dir: D/app }`,
	"link-tree":          `{ from: [D/app/app-2], into: D/root }`,
	"migration-rollback": `{ running: D/app/app-2, new: D/app/app-1, folder: migrations, command: [touch, D/migrated, "{migration}"] }`,
	"supervisor":         `{ action: restart, programs: [app], server: "unix://D/supervisor.sock" }`,
	"supervisor-conf":    `{ app: app, from: D/app/app-2/supervisor.conf, into: D/root, server: "unix://D/supervisor.sock" }`,
	"write":              `{ path: D/written, content: x }`,
	"template":           `{ from: D/app/app-2/template, to: D/rendered, values: { name: x } }`,
	"copy":               `{ from: D/app/app-2, to: D/copied }`,
	"move":               `{ from: D/app/app-2, to: D/moved }`,
	"remove":             `{ path: D/app/app-2 }`,
	"mkdir":              `{ path: D/made/deep, parents: true }`,
	"symlink":            `{ link: D/linked, to: app }`,
	"chmod":              `{ path: D/app, mode: "u=rwX,go=", recursive: true }`,
	"assert":             `{ that: "${{ host.os == 'linux' }}" }`,
	"checksum":           `{ path: D/app/app-2/hook, sums: D/sums }`,
	"disk-space":         `{ path: D/app, at-least: 1B }`,
	"wait-for":           "{ command: [touch, D/waited] }\n    undo: none",
}

// TestNoPlanActs plans a step of every type under strace, which sees what a comparison of trees cannot: what
// was changed and rolled back, what was tried and refused, and every program.
func TestNoPlanActs(t *testing.T) {
	directory := plannedDirectory(t)
	for _, name := range steps.Catalog().Names() {
		if plannedTypes[name] == "" {
			t.Errorf("%s has no step in plannedTypes", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			recipe := filepath.Join(t.TempDir(), "recipe.yaml")
			source := "gwe: 1\nname: one\nfacts:\n  ran: { type: string, run: [touch, D/asked], optional: true }\nsteps:\n  - " + name + ": " + plannedTypes[name] + "\n"
			if err := os.WriteFile(recipe, []byte(strings.ReplaceAll(source, "D/", directory+"/")), 0o600); err != nil {
				t.Fatal(err)
			}
			before := fingerprint(t, directory)
			acts, stdout := traced(t, "plan", recipe, "--output", "json", "--state-dir", filepath.Join(directory, "state"))
			for _, act := range acts {
				t.Errorf("the plan acts: %s", act)
			}
			if after := fingerprint(t, directory); after != before {
				t.Errorf("the tree was\n%s\nand is now\n%s", before, after)
			}
			var plan engine.Plan
			decoded := struct{ Steps *[]engine.PlannedStep }{&plan.Steps}
			if err := json.Unmarshal([]byte(stdout), &decoded); err != nil || len(plan.Steps) != 1 {
				t.Fatalf("%v in the plan %s", err, stdout)
			}
			// A plan that gave up early would prove nothing.
			if one := plan.Steps[0]; one.Problem != "" || one.Nothing || len(one.Do) == 0 {
				t.Errorf("the type did not plan to act: %s", stdout)
			}
		})
	}
}

// TestTheTraceSeesActs: what the test above looks for, it finds.
func TestTheTraceSeesActs(t *testing.T) {
	directory := t.TempDir()
	recipe := filepath.Join(directory, "recipe.yaml")
	source := fmt.Sprintf("gwe: 1\nname: one\nsteps:\n  - write: { path: %s/written, content: x }\n  - run: { argv: [\"true\"] }\n    undo: none\n", directory)
	if err := os.WriteFile(recipe, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	acts, _ := traced(t, "run", recipe, "--state-dir", filepath.Join(directory, "state"))
	all := strings.Join(acts, "\n")
	for _, want := range []string{"openat(", "O_WRONLY", "mkdirat(", "clone", "execve(\"/usr/bin/true\"", "rename"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %s in\n%s", want, all)
		}
	}
}

// watchedCalls are the system calls that may change something, or start a process. No machine has all of
// them.
const watchedCalls = "execve,execveat,fork,vfork,clone,clone3,open,openat,openat2,creat,unlink,unlinkat,rename,renameat,renameat2," +
	"mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat,mknod,mknodat,chmod,fchmod,fchmodat,fchmodat2,chown,fchown,lchown,fchownat," +
	"utime,utimes,futimesat,utimensat,truncate,ftruncate,fallocate,copy_file_range,setxattr,lsetxattr,fsetxattr,removexattr," +
	"lremovexattr,fremovexattr,mount,umount2,move_mount,pivot_root,chroot,kill,pidfd_send_signal,bind,connect,flock,fsync,syncfs,sync"

// innocent are those of them that gwe may make: files opened for reading, threads, questions to the kernel by
// netlink and to a daemon by its socket.
var innocent = []*regexp.Regexp{
	regexp.MustCompile(`^openat2?\(.*O_RDONLY`),
	regexp.MustCompile(`^openat2?\(.*O_PATH`),
	regexp.MustCompile(`^clone3?\(.*CLONE_THREAD`),
	regexp.MustCompile(`^bind\(.*AF_NETLINK`),
	regexp.MustCompile(`^connect\(.*(supervisor\.sock|sun_path="/proc/self/fd/)`),
}

// writes are flags with which even a file opened for reading is changed.
var writes = regexp.MustCompile(`O_CREAT|O_TRUNC|O_TMPFILE`)

// traced runs gwe under strace and gives the calls that are not innocent, and what gwe wrote.
func traced(t *testing.T, arguments ...string) (acts []string, stdout string) {
	t.Helper()
	gwe, err := exec.LookPath("gwe")
	if err != nil {
		t.Fatal(err)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	command := exec.Command("strace", append([]string{"-f", "-qq", "-s", "256", "-e", "trace=?" + strings.ReplaceAll(watchedCalls, ",", ",?"), "-e", "signal=none", "-o", trace, gwe}, arguments...)...)
	command.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	var said, failed strings.Builder
	command.Stdout, command.Stderr = &said, &failed
	if err := command.Run(); err != nil {
		t.Fatalf("strace gwe %s: %v (scripts/test installs strace)\n%s%s", strings.Join(arguments, " "), err, said.String(), failed.String())
	}
	content, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	started := false
	for line := range strings.Lines(string(content)) {
		_, call, _ := strings.Cut(strings.TrimSpace(line), " ")
		call = strings.TrimLeft(call, " ")
		switch {
		case strings.HasPrefix(call, "<..."): // the rest of a call that was told already
		case strings.HasPrefix(call, "???( <"): // a thread that ended with the process, in no call at all
		case !started && strings.HasPrefix(call, `execve("`+gwe+`"`):
			started = true
		case !innocentCall(call):
			acts = append(acts, call)
		}
	}
	if !started {
		t.Fatalf("the trace does not show gwe's own start:\n%s", content)
	}
	return acts, said.String()
}

func innocentCall(call string) bool {
	for _, pattern := range innocent {
		if pattern.MatchString(call) {
			return !writes.MatchString(call)
		}
	}
	return false
}

// plannedDirectory makes what the steps of plannedTypes are about: releases, a package, and a supervisord
// that answers.
func plannedDirectory(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	for _, file := range [][2]string{ // the releases in the order of their age
		{"app/app-0/hook", "#!/bin/sh\n"},
		{"app/app-1/hook", "#!/bin/sh\n"},
		{"app/app-1/migrations/0001_first.py", ""},
		{"app/app-2/hook", "#!/bin/sh\n"},
		{"app/app-2/template", "name = {{ .name }}\n"},
		{"app/app-2/supervisor.conf", "[supervisord]\ncommand=/usr/bin/app\n"},
		{"app/app-2/migrations/0001_first.py", ""},
		{"app/app-2/migrations/0002_second.py", ""},
		{"plain/current/hook", "#!/bin/sh\n"},
		{"root/etc/app.conf", "x\n"},
		{"new/app-3/hook", "#!/bin/sh\n"},
		{"sums", "9b2c8ef6bd8d4b1ac0ff9a8d5b5ae7b1b7ae1d2e5c0cbd7f4d3e0f8d0bd4d6a1  hook\n"},
	} {
		whole := filepath.Join(directory, file[0])
		if err := os.MkdirAll(filepath.Dir(whole), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(whole, []byte(file[1]), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("app-1", filepath.Join(directory, "app/current")); err != nil {
		t.Fatal(err)
	}
	for _, arguments := range [][]string{
		{"keys", "new", "vendor", "--to", directory},
		{"keys", "import", directory + "/vendor.asc", "--keyring", directory + "/keys"},
		{"pack", directory + "/new/app-3", "--key", directory + "/vendor.key", "--to", directory},
	} {
		if said, err := exec.Command("gwe", arguments...).CombinedOutput(); err != nil {
			t.Fatalf("gwe %s: %v\n%s", strings.Join(arguments, " "), err, said)
		}
	}
	socket, err := net.Listen("unix", filepath.Join(directory, "supervisor.sock"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		asked, err := io.ReadAll(request.Body)
		if err != nil || !strings.Contains(string(asked), "<methodName>supervisor.getAllProcessInfo</methodName>") {
			t.Errorf("supervisord is asked %s, %v", asked, err)
		}
		answer.Header().Set("Content-Type", "text/xml")
		fmt.Fprint(answer, oneProgram)
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(socket) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return directory
}

// oneProgram is supervisord's answer to getAllProcessInfo, with the members that gwe reads.
const oneProgram = `<?xml version='1.0'?><methodResponse><params><param><value><array><data><value><struct>
<member><name>name</name><value><string>app</string></value></member>
<member><name>group</name><value><string>app</string></value></member>
<member><name>state</name><value><int>20</int></value></member>
<member><name>statename</name><value><string>RUNNING</string></value></member>
<member><name>pid</name><value><int>999999</int></value></member>
</struct></value></data></array></value></param></params></methodResponse>`

// fingerprint tells of every name below a directory what a change would change.
func fingerprint(t *testing.T, directory string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		status := info.Sys().(*syscall.Stat_t)
		fmt.Fprintln(&all, path, info.Mode(), status.Ino, status.Nlink, status.Uid, status.Gid, info.Size(), status.Mtim, status.Ctim)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
