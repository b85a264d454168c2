package sftp_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hebian/connectors"
	"hebian/connectors/sftp"
)

// openSSH finds OpenSSH's server. HEBIAN_TEST_SSHD names it, or is 1: it must be in one of its usual places.
func openSSH(t *testing.T) string {
	t.Helper()
	asked := os.Getenv("HEBIAN_TEST_SSHD")
	for _, place := range []string{asked, "/usr/sbin/sshd", "/usr/local/sbin/sshd"} {
		if stat, err := os.Stat(place); err == nil && stat.Mode().IsRegular() && filepath.IsAbs(place) {
			return place
		}
	}
	if asked != "" || os.Getenv("HEBIAN_SKIP_NOTHING") != "" {
		t.Fatal("OpenSSH's server is not here: install openssh-server, or name the program in HEBIAN_TEST_SSHD")
	}
	t.Skip("OpenSSH's server is not here: without it only the simulated one is tried")
	return ""
}

// serveOpenSSH runs OpenSSH's server for every connection that comes, as whoever runs the test, or as nobody if that is root.
// It asks PAM, as it holds accounts without a password for locked otherwise.
func serveOpenSSH(t *testing.T) *partner {
	t.Helper()
	program := openSSH(t)
	top, dir := t.TempDir(), t.TempDir()
	hostPrivate, hostPublic := keyPair(t)
	private, public := keyPair(t)
	config := fmt.Sprintf("HostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM yes\nPidFile none\nSubsystem sftp internal-sftp\n",
		filepath.Join(top, "host"), filepath.Join(top, "keys"))
	for name, content := range map[string]string{"host": hostPrivate, "keys": public, "config": config} {
		if err := os.WriteFile(filepath.Join(top, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	whoever, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	attributes := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		if whoever, err = user.Lookup("nobody"); err != nil {
			t.Fatal(err)
		}
		var uid, gid int
		fmt.Sscan(whoever.Uid, &uid)
		fmt.Sscan(whoever.Gid, &gid)
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		for _, name := range []string{top, dir, filepath.Join(top, "host"), filepath.Join(top, "keys"), filepath.Join(top, "config")} {
			if err := os.Chown(name, uid, gid); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(filepath.Dir(top), 0o755); err != nil { // for nobody to get there
			t.Fatal(err)
		}
	}
	p := &partner{dir: dir, config: sftp.Config{User: whoever.Username, Key: private, HostKeys: []string{hostPublic}, Dir: dir}}
	p.config.Address = inetd(t, attributes, program, "-i", "-e", "-f", filepath.Join(top, "config"))
	return p
}

// inetd runs a program for every connection that comes and gives the address to connect to.
func inetd(t *testing.T, attributes *syscall.SysProcAttr, program string, args ...string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			file, err := conn.(*net.TCPConn).File()
			conn.Close()
			if err != nil {
				return
			}
			cmd := exec.CommandContext(t.Context(), program, args...)
			cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = file, file, io.Discard, attributes
			group.Go(func() {
				cmd.Run() // how it ends is the test's to judge by what it fetched
				file.Close()
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		group.Wait()
	})
	return listener.Addr().String()
}

// What is shown with the simulated server holds with OpenSSH's, too.
func TestOpenSSHFetch(t *testing.T) {
	p := serveOpenSSH(t)
	p.config.After = sftp.Keep
	source := p.source(t)
	if got, err := p.fetch(t, source); kind(err) != connectors.NoFile {
		t.Fatalf("an empty folder gave %q, %v", got, err)
	}
	long := strings.Repeat("0123456789abcdef", 1<<17)
	p.put(t, "a.csv", long)
	p.put(t, "b.csv", "b")
	p.want(t, source, "a.csv: "+long, "b.csv: b")
	p.want(t, p.source(t))
	p.put(t, "b.csv", "changed")
	p.during = func(connectors.Batch) { p.put(t, "b.csv", "and again") }
	if got, err := p.fetch(t, source); kind(err) != connectors.NoFile || got != nil {
		t.Fatalf("a file that changed gave %.100q, %v", got, err)
	}
	p.during = nil
	p.want(t, source, "b.csv: and again")
}

func TestOpenSSHMove(t *testing.T) {
	p := serveOpenSSH(t)
	p.config.After = sftp.Move
	if os.Getuid() == 0 {
		if err := os.Chmod(p.dir, 0o777); err != nil { // nobody moves files of root
			t.Fatal(err)
		}
	}
	source := p.source(t)
	for _, content := range []string{"first", "second version"} {
		p.put(t, "a.csv", content)
		if err := os.Chmod(filepath.Join(p.dir, "a.csv"), 0o644); err != nil { // for nobody to read it
			t.Fatal(err)
		}
		p.want(t, source, "a.csv: "+content)
		if diff := cmp.Diff([]string{"a.csv"}, p.names(t, "done")); diff != "" {
			t.Errorf("in done (-want +got):\n%s", diff)
		}
	}
}

func TestOpenSSHNotAllowed(t *testing.T) {
	p := serveOpenSSH(t)
	p.put(t, "a.csv", "a")
	p.put(t, "b.csv", "b")
	if err := os.Chmod(filepath.Join(p.dir, "a.csv"), 0); err != nil {
		t.Fatal(err)
	}
	got, err := p.fetch(t, p.source(t))
	if kind(err) != connectors.Denied || cmp.Diff(got, []string{"b.csv: b"}) != "" {
		t.Errorf("fetched %q, %v", got, err)
	}
}

func TestOpenSSHWrongKey(t *testing.T) {
	p := serveOpenSSH(t)
	p.config.Key, _ = keyPair(t)
	if _, err := p.fetch(t, p.source(t)); kind(err) != connectors.Denied {
		t.Errorf("fetched with %v", err)
	}
}

func TestOpenSSHSend(t *testing.T) {
	p := serveOpenSSH(t)
	for range 2 {
		if _, err := p.sink(t).Send(t.Context(), dispatch(1)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(dispatch(1).Records, received(t, p.dir)); diff != "" {
			t.Errorf("received (-want +got):\n%s", diff)
		}
	}
	name := filepath.Join(p.dir, "finance-out-corrections-000000001.ndjson")
	if err := os.WriteFile(name, []byte("cut"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := p.sink(t).Send(t.Context(), dispatch(1)); err != nil { // in place of what is there
		t.Fatal(err)
	}
	if diff := cmp.Diff(dispatch(1).Records, received(t, p.dir)); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
}

func TestOpenSSHClose(t *testing.T) {
	p := serveOpenSSH(t)
	p.put(t, "a.csv", strings.Repeat("0123456789abcdef", 1<<17))
	source := p.source(t)
	source.Patience(time.Minute)
	p.during = func(connectors.Batch) { source.Close() }
	if _, err := p.fetch(t, source); kind(err) != connectors.Unreachable {
		t.Errorf("fetched with %v", err)
	}
}
