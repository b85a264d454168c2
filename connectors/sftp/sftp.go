// Package sftp is the door to an agency's SFTP server: files that lie there whole are fetched as if the agency had laid them into
// the watched folder, and what goes out to the agency is laid there as files. The server is somebody else's: everything that it
// says has a bound, and every wait for it has an end.
package sftp

import (
	"errors"
	"fmt"
	"net"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Config says where files are fetched from or laid down, and how.
type Config struct {
	Address  string   `yaml:"address"`   // host:port
	User     string   `yaml:"user"`      // who the hub is on the server
	Password string   `yaml:"-"`         // of the user; it or Key is needed
	Key      string   `yaml:"-"`         // a private key in PEM, without a passphrase
	HostKeys []string `yaml:"host_keys"` // the server's, as in authorized_keys or as SHA256:…; without one nothing is connected
	Dir      string   `yaml:"dir"`       // the folder on the server

	Pattern       string `yaml:"pattern"`        // source: names that count, with * and ?; "": all
	StableSeconds int    `yaml:"stable_seconds"` // source: how long a file must stay as it is to be whole; 0: ten seconds
	Marker        bool   `yaml:"marker"`         // source: a file is whole when NAME.done lies beside it, no older than it
	After         After  `yaml:"after"`          // source: what becomes of a file that was taken in; "": keep
	MaxFileBytes  int64  `yaml:"max_file_bytes"` // source: no larger file is fetched; 0: 2 GiB
}

// After says what becomes of a file that was taken in.
type After string

// What can become of a file.
const (
	Keep   After = "keep"   // it stays as it is
	Move   After = "move"   // to the folder done in its folder, in place of one that had its name
	Delete After = "delete" // it is removed
)

const (
	// usualStable is longer than servers and networks pause within an upload that goes on.
	usualStable = 10 * time.Second
	// mostStable bounds how long one call may wait for files to be whole.
	mostStable = time.Hour
	// usualMaxFile is far beyond the largest file of a county, some 100 MB.
	usualMaxFile = 2 << 30
	// maxHostKeys bounds how many keys of one server are compared; servers have three or four.
	maxHostKeys = 16
)

// Check says what is wrong with a configuration, by its key; nil: nothing.
func (c *Config) Check() error {
	if _, port, err := net.SplitHostPort(c.Address); err != nil || !isPort(port) {
		return fmt.Errorf("address is %q, want host:port", c.Address)
	}
	if c.User == "" {
		return errors.New("user is missing")
	}
	if c.Password == "" && c.Key == "" {
		return errors.New("neither password nor key is given")
	}
	if c.Key != "" {
		if _, err := ssh.ParsePrivateKey([]byte(c.Key)); err != nil {
			return fmt.Errorf("key can't be used: %w", err)
		}
	}
	if _, err := parseHostKeys(c.HostKeys); err != nil {
		return err
	}
	if c.Dir == "" || strings.ContainsFunc(c.Dir, isControl) {
		return fmt.Errorf("dir is %q, want a folder on the server, such as /outgoing", c.Dir)
	}
	if _, err := path.Match(c.Pattern, ""); err != nil {
		return fmt.Errorf("pattern is %q: a [ without its ], or a \\ at the end", c.Pattern)
	}
	if c.StableSeconds < 0 || c.stable() > mostStable {
		return fmt.Errorf("stable_seconds is %d, want 0 to %d", c.StableSeconds, int(mostStable.Seconds()))
	}
	switch c.After {
	case "", Keep, Move, Delete:
	default:
		return fmt.Errorf("after is %q, want keep, move or delete", c.After)
	}
	if c.MaxFileBytes < 0 {
		return fmt.Errorf("max_file_bytes is %d, want 0 or more", c.MaxFileBytes)
	}
	return nil
}

func isPort(s string) bool {
	port, err := strconv.ParseUint(s, 10, 16)
	return err == nil && port > 0
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }

func (c *Config) stable() time.Duration {
	if c.StableSeconds == 0 {
		return usualStable
	}
	return time.Duration(c.StableSeconds) * time.Second
}

func (c *Config) maxFile() int64 {
	if c.MaxFileBytes == 0 {
		return usualMaxFile
	}
	return c.MaxFileBytes
}

// hostKeys are what a server may be known by.
type hostKeys struct {
	keys   []ssh.PublicKey
	prints []string // SHA256:…
}

func parseHostKeys(lines []string) (hostKeys, error) {
	var h hostKeys
	if len(lines) > maxHostKeys {
		return h, fmt.Errorf("host_keys holds %d keys, want at most %d", len(lines), maxHostKeys)
	}
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "SHA256:") {
			h.prints = append(h.prints, strings.TrimRight(line, "="))
			continue
		}
		key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil || len(rest) > 0 {
			return h, fmt.Errorf("host_keys: entry %d is neither a key as in authorized_keys nor a fingerprint SHA256:…", i+1)
		}
		h.keys = append(h.keys, key)
	}
	return h, nil
}

// knows says whether a key is the server's.
func (h hostKeys) knows(key ssh.PublicKey) bool {
	for _, known := range h.keys {
		if string(known.Marshal()) == string(key.Marshal()) {
			return true
		}
	}
	for _, known := range h.prints {
		if known == ssh.FingerprintSHA256(key) {
			return true
		}
	}
	return false
}

// algorithms are those that the server must prove itself with, so that it shows a key that is known; nil: any, as a fingerprint
// doesn't tell of which kind its key is.
func (h hostKeys) algorithms() []string {
	if len(h.prints) > 0 {
		return nil
	}
	var all []string
	for _, key := range h.keys {
		if key.Type() == ssh.KeyAlgoRSA {
			all = append(all, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
			continue
		}
		all = append(all, key.Type())
	}
	return all
}
