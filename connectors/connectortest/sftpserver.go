package connectortest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// shakeWithin bounds how long somebody may take to sign in at the simulated server.
const shakeWithin = 30 * time.Second

// SFTP is an agency's SFTP server over a folder, on the loopback interface. It serves that folder alone, as /, and can be made to
// fail in the ways that servers do.
type SFTP struct {
	Addr     string // host:port
	HostKey  string // its public key as in authorized_keys
	User     string
	Password string

	gate
	listener net.Listener
	config   *ssh.ServerConfig
	root     *os.Root
	group    sync.WaitGroup

	mu    sync.Mutex // guards what follows; nobody takes the gate's while holding it
	key   []byte     // a client's that may sign in
	deny  bool       // accepts nobody
	extra []string   // names that listings show beside those that are there
}

// NewSFTP starts a server over a folder, which is there. Close ends it.
func NewSFTP(dir string) (*SFTP, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("serve %s over SFTP: %w", dir, err)
	}
	s := &SFTP{User: "hebian", Password: rand.Text(), root: root}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	s.HostKey = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	s.config = &ssh.ServerConfig{PasswordCallback: s.password, PublicKeyCallback: s.publicKey}
	s.config.AddHostKey(signer)
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	s.listener = s.guard(s.listener)
	s.Addr = s.listener.Addr().String()
	s.group.Go(s.accept)
	return s, nil
}

// Close ends the server and every connection to it, and waits for them.
func (s *SFTP) Close() error {
	err := s.listener.Close()
	s.Down(true)
	s.Stall(false)
	s.group.Wait()
	return errors.Join(err, s.root.Close())
}

// Pretend makes listings show files of these names beside those that are there.
func (s *SFTP) Pretend(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.extra = names
}

// Authorize lets whoever has the key sign in without a password. It is as in authorized_keys.
func (s *SFTP) Authorize(line string) error {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = key.Marshal()
	return nil
}

var errNotLetIn = errors.New("not let in")

func (s *SFTP) password(conn ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deny || conn.User() != s.User || subtle.ConstantTimeCompare(password, []byte(s.Password)) == 0 {
		return nil, errNotLetIn
	}
	return nil, nil
}

func (s *SFTP) publicKey(conn ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deny || conn.User() != s.User || s.key == nil || string(s.key) != string(key.Marshal()) {
		return nil, errNotLetIn
	}
	return nil, nil
}

// Deny makes the server accept nobody who signs in, until it is called with false.
func (s *SFTP) Deny(deny bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deny = deny
}

func (s *SFTP) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.group.Go(func() {
			defer conn.Close()
			s.serve(conn)
		})
	}
}

// serve lets one client do what it wants with the folder.
func (s *SFTP) serve(conn net.Conn) {
	conn.SetDeadline(time.Now().Add(shakeWithin))
	server, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	conn.SetDeadline(time.Time{})
	var group sync.WaitGroup
	defer group.Wait()
	defer server.Close()
	group.Go(func() { ssh.DiscardRequests(requests) })
	for channel := range channels {
		if channel.ChannelType() != "session" {
			channel.Reject(ssh.UnknownChannelType, "only files are to be had here")
			continue
		}
		pipe, requests, err := channel.Accept()
		if err != nil {
			return
		}
		group.Go(func() { s.files(pipe, requests, &group) })
	}
}

// files answers the requests of one channel, of which the first for SFTP starts it.
func (s *SFTP) files(pipe ssh.Channel, requests <-chan *ssh.Request, group *sync.WaitGroup) {
	defer pipe.Close()
	started := false
	for request := range requests {
		ok := request.Type == "subsystem" && strings.HasSuffix(string(request.Payload), "sftp") && !started
		request.Reply(ok, nil)
		if !ok {
			continue
		}
		started = true
		folder := folder{s}
		server := sftp.NewRequestServer(pipe, sftp.Handlers{FileGet: folder, FilePut: folder, FileCmd: folder, FileList: folder})
		group.Go(func() {
			server.Serve() // its error says how the client went
			pipe.Close()
		})
	}
}

// folder answers requests for files. os.Root keeps them within it.
type folder struct{ *SFTP }

func inside(name string) string {
	if name = strings.TrimPrefix(path.Clean("/"+name), "/"); name != "" {
		return name
	}
	return "."
}

// Fileread opens a file to be read.
func (f folder) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	return f.root.Open(inside(r.Filepath))
}

// Filewrite opens a file to be written.
func (f folder) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	mode := os.O_WRONLY | os.O_CREATE
	if r.Pflags().Trunc {
		mode |= os.O_TRUNC
	}
	return f.root.OpenFile(inside(r.Filepath), mode, 0o640)
}

// Filecmd renames, removes and makes folders.
func (f folder) Filecmd(r *sftp.Request) error {
	switch r.Method {
	case "Rename": // as in version 3 of the protocol: not in place of another
		if _, err := f.root.Lstat(inside(r.Target)); err == nil {
			return fs.ErrExist
		}
		return f.root.Rename(inside(r.Filepath), inside(r.Target))
	case "Remove", "Rmdir":
		return f.root.Remove(inside(r.Filepath))
	case "Mkdir":
		return f.root.Mkdir(inside(r.Filepath), 0o750)
	case "Setstat":
		return nil
	}
	return sftp.ErrSSHFxOpUnsupported
}

// PosixRename renames in place of another file.
func (f folder) PosixRename(r *sftp.Request) error {
	return f.root.Rename(inside(r.Filepath), inside(r.Target))
}

// Filelist lists a folder or looks at one file.
func (f folder) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	if r.Method != "List" {
		return f.Lstat(r)
	}
	dir, err := f.root.Open(inside(r.Filepath))
	if err != nil {
		return nil, err
	}
	entries, err := dir.Readdir(-1)
	if err = errors.Join(err, dir.Close()); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range f.extra {
		entries = append(entries, pretended(name))
	}
	return listing(entries), nil
}

// Lstat looks at one file.
func (f folder) Lstat(r *sftp.Request) (sftp.ListerAt, error) {
	stat, err := f.root.Lstat(inside(r.Filepath))
	if err != nil {
		return nil, err
	}
	return listing{stat}, nil
}

type listing []fs.FileInfo

func (l listing) ListAt(to []fs.FileInfo, offset int64) (int, error) {
	if offset >= int64(len(l)) {
		return 0, io.EOF
	}
	n := copy(to, l[offset:])
	if n < len(to) {
		return n, io.EOF
	}
	return n, nil
}

// pretended is a file that is not there.
type pretended string

func (p pretended) Name() string       { return string(p) }
func (p pretended) Size() int64        { return 7 }
func (p pretended) Mode() fs.FileMode  { return 0o640 }
func (p pretended) ModTime() time.Time { return time.Unix(1_800_000_000, 0) }
func (p pretended) IsDir() bool        { return false }
func (p pretended) Sys() any           { return nil }
