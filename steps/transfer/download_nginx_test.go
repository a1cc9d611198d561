package transfer_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

// nginx is a real one, with TLS by an authority of its own, basic authentication and client certificates.
type nginx struct {
	testing.TB
	base, plain, secure, pin string
}

// issue writes a certificate and its key, signed by the authority, or by itself where there is none.
func (n *nginx) issue(name string, template, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	n.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	n.check(err)
	template.SerialNumber, template.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter, template.BasicConstraintsValid = time.Now().Add(-time.Hour), time.Now().Add(time.Hour), true
	if parent == nil {
		parent, signer = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	n.check(err)
	made, err := x509.ParseCertificate(raw)
	n.check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	n.check(err)
	n.write(name+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
	n.write(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	return made, key
}

func (n *nginx) check(err error) {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
}

func (n *nginx) write(name string, text []byte) {
	n.Helper()
	n.check(os.WriteFile(filepath.Join(n.base, name), text, 0o644))
}

// startNginx serves content as /open/app, /slow/app, /basic/app (user u, password hush-hush) and /client/app.
func startNginx(t testing.TB, content []byte) *nginx {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			need.Missing(t, "nginx", "nginx is not installed")
		}
	}
	n := &nginx{TB: t, base: t.TempDir()}
	n.check(os.Chmod(n.base, 0o755))
	var ports [2]int
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		n.check(err)
		ports[i] = listener.Addr().(*net.TCPAddr).Port
		n.check(listener.Close())
	}
	authority, signer := n.issue("ca", &x509.Certificate{IsCA: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	server, _ := n.issue("server", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, authority, signer)
	n.issue("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, authority, signer)
	key := sha256.Sum256(server.RawSubjectPublicKeyInfo)
	n.pin = "sha256//" + base64.StdEncoding.EncodeToString(key[:])
	n.check(os.MkdirAll(n.base+"/www", 0o755))
	n.check(os.MkdirAll(n.base+"/tmp", 0o755))
	n.write("www/app", content)
	n.write("users", []byte("u:{PLAIN}hush-hush\n"))
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	n.write("conf", fmt.Appendf(nil, `%s worker_processes 1; daemon off; pid %[2]s/pid; error_log %[2]s/error.log; events { worker_connections 64; }
http {
  log_format sent '$request_uri $status $body_bytes_sent "$http_range" "$http_if_range"';
  access_log %[2]s/access.log sent; default_type application/octet-stream; sendfile off;
  client_body_temp_path %[2]s/tmp/a; proxy_temp_path %[2]s/tmp/b; fastcgi_temp_path %[2]s/tmp/c; uwsgi_temp_path %[2]s/tmp/d; scgi_temp_path %[2]s/tmp/e;
  server {
    listen 127.0.0.1:%[3]d; listen 127.0.0.1:%[4]d ssl; ssl_certificate %[2]s/server.crt; ssl_certificate_key %[2]s/server.key;
    ssl_client_certificate %[2]s/ca.crt; ssl_verify_client optional;
    location /open/ { alias %[2]s/www/; }
    location /slow/ { alias %[2]s/www/; limit_rate 1m; output_buffers 1 32k; }
    location /basic/ { alias %[2]s/www/; auth_basic x; auth_basic_user_file %[2]s/users; }
    location /client/ { alias %[2]s/www/; if ($ssl_client_verify != SUCCESS) { return 403; } }
  }
}
`, user, n.base, ports[0], ports[1]))
	daemon := exec.Command(program, "-c", n.base+"/conf", "-p", n.base)
	var said bytes.Buffer
	daemon.Stdout, daemon.Stderr = &said, &said
	n.check(daemon.Start())
	t.Cleanup(func() {
		_ = daemon.Process.Signal(os.Interrupt)
		_ = daemon.Wait()
		if t.Failed() {
			text, _ := os.ReadFile(n.base + "/error.log")
			t.Logf("%s%s", said.Bytes(), text)
		}
	})
	n.plain, n.secure = "http://127.0.0.1:"+strconv.Itoa(ports[0]), "https://127.0.0.1:"+strconv.Itoa(ports[1])
	n.await("nginx does not answer", func() bool {
		connection, err := net.Dial("tcp", strings.TrimPrefix(n.plain, "http://"))
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	})
	return n
}

// await waits for as long as the test may take.
func (n *nginx) await(otherwise string, so func() bool) {
	n.Helper()
	for range 3000 {
		if so() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	n.Fatal(otherwise)
}

// sent gives the lines of the access log.
func (n *nginx) sent() []string {
	text, _ := os.ReadFile(n.base + "/access.log")
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func write(t testing.TB, step string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recipe.yaml")
	if err := os.WriteFile(path, []byte("gwe: 1\nname: nginx\ninputs: { password: { type: secret, required: true } }\nsteps:\n  - download:\n"+step), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func noise(size int) []byte {
	content := make([]byte, size)
	source := mathrand.NewChaCha8([32]byte{9})
	_, _ = source.Read(content)
	return content
}

// TestNginxResumes: gwe is killed in the middle of a download; the next run asks for the rest, and the two
// were sent little more than the file.
func TestNginxResumes(t *testing.T) {
	content := noise(8 << 20)
	n := startNginx(t, content)
	digest := sha256.Sum256(content)
	bench := recipetest.New(t, catalog())
	for how, known := range map[string]string{"etag": "", "digest": "      sha256: " + hex.EncodeToString(digest[:]) + "\n"} {
		place := t.TempDir()
		recipe := write(t, "      url: "+n.plain+"/slow/app\n      to: "+place+"/app\n      partial-dir: "+place+"/partial\n"+known)
		inputs := map[string]string{"password": "hush-hush"}
		before := len(n.sent())
		died := bench.KillWhen(func() bool {
			parts, _ := filepath.Glob(place + "/partial/*.part")
			if len(parts) == 0 {
				return false
			}
			info, err := os.Stat(parts[0])
			return err == nil && info.Size() > 2<<20
		}, recipe, inputs)
		if !died {
			t.Fatal("it was over before it was killed")
		}
		bench.Recover()
		if _, err := os.Lstat(place + "/app"); err == nil {
			t.Error("the file is there after the recovery")
		}
		bench.WantExit(0, recipe, inputs)
		if got, err := os.ReadFile(place + "/app"); err != nil || !bytes.Equal(got, content) {
			t.Fatal("other content", err)
		}
		n.await("nginx logs no two answers", func() bool { return len(n.sent()) >= max(before, 1)+1 })
		var last string
		for _, line := range n.sent() {
			if strings.HasPrefix(line, "/slow/app 206 ") {
				last = line
			}
		}
		fields := strings.Fields(last)
		if len(fields) != 5 {
			t.Fatalf("%s: the rest was not asked for: %q", how, n.sent())
		}
		if rest, err := strconv.Atoi(fields[2]); err != nil || rest > len(content)-2<<20 || fields[4] == `"-"` {
			t.Errorf("%s: the rest was %q", how, last)
		}
	}
}

// TestNginxAccess: TLS by an authority of its own, a pinned key, basic authentication, a client certificate.
func TestNginxAccess(t *testing.T) {
	content := noise(100 << 10)
	n := startNginx(t, content)
	bench := recipetest.New(t, catalog())
	for name, test := range map[string]struct {
		exit           int
		path, more     string
		password, says string
	}{
		"own authority":     {exit: 0, path: n.secure + "/open/app", more: "      ca: " + n.base + "/ca.crt\n"},
		"no authority":      {exit: 6, path: n.secure + "/open/app", says: "not trusted"},
		"pinned":            {exit: 0, path: n.secure + "/open/app", more: "      ca: " + n.base + "/ca.crt\n      pins: [\"" + n.pin + "\"]\n"},
		"another key":       {exit: 6, path: n.secure + "/open/app", more: "      ca: " + n.base + "/ca.crt\n      pins: [\"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"]\n", says: "pinned"},
		"basic":             {exit: 0, path: n.plain + "/basic/app", more: "      user: u\n      password: ${{ inputs.password }}\n"},
		"basic, wrong":      {exit: 3, path: n.plain + "/basic/app", more: "      user: u\n      password: ${{ inputs.password }}\n", password: "hush-wrong", says: "401"},
		"client":            {exit: 0, path: n.secure + "/client/app", more: fmt.Sprintf("      ca: %[1]s/ca.crt\n      client-cert: %[1]s/client.crt\n      client-key: %[1]s/client.key\n", n.base)},
		"no client":         {exit: 3, path: n.secure + "/client/app", more: "      ca: " + n.base + "/ca.crt\n", says: "403"},
		"not there":         {exit: 3, path: n.plain + "/open/none", says: "404"},
		"TLS to plain port": {exit: 3, path: strings.Replace(n.plain, "http:", "https:", 1) + "/open/app", says: "cannot download"},
	} {
		t.Run(name, func(t *testing.T) {
			place, password := t.TempDir(), "hush-hush"
			if test.password != "" {
				password = test.password
			}
			recipe := write(t, "      url: "+test.path+"\n      to: "+place+"/app\n      attempts: 1\n      partial-dir: "+place+"/partial\n"+test.more)
			result := bench.WantExit(test.exit, recipe, map[string]string{"password": password})
			got, err := os.ReadFile(place + "/app")
			if test.exit == 0 && (err != nil || !bytes.Equal(got, content)) || test.exit != 0 && err == nil {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if text := fmt.Sprint(result.Err); !strings.Contains(text, test.says) {
				t.Errorf("it says %s", text)
			}
			if strings.Contains(bench.Said(), password) {
				t.Error("the password is shown")
			}
		})
	}
}
