package push

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"hebian/connectors"
)

// partial is what is known of an upload in parts.
type partial struct {
	PartialUpload
	Sandbox bool   `json:"sandbox,omitempty"`
	Sum     string `json:"sum,omitempty"` // digest of all its bytes, once they are here and read through
}

// delivered says whether its file was taken in, held or refused: the bytes are gone, the receipt is not.
func (p *partial) delivered() bool { return p.Delivery != 0 }

// same says whether another announces the same file in the same way.
func (p *partial) same(as *partial) bool {
	return p.File == as.File && p.Mode == as.Mode && p.Key == as.Key && p.Digest == as.Digest && p.Bytes == as.Bytes && p.Period == as.Period
}

// uploads is a folder of uploads in parts: for each its bytes, and beside them what is known of it. Bytes count once that says so, which
// is written after them: what a crash leaves beyond is cut off. An upload is changed only by whoever took it.
type uploads struct {
	dir string

	mu    sync.Mutex
	known map[string]partial // nil: not read yet
	taken map[string]bool
	swept time.Time // last looked for what is over
}

// uploadLife is how long an upload is kept after its last part, and its number after its receipt: over a night, and a public
// holiday's eve.
const uploadLife = 24 * time.Hour

// sweepEvery is how often any request at all has what is over looked for: the disk need not wait for the next upload in parts.
const sweepEvery = 10 * time.Minute

// The names of a folder's files, behind an upload's ID.
const (
	bytesEnding = ".part"
	stateEnding = ".json"
	draftEnding = ".draft" // of a state
)

func (u *uploads) path(id, ending string) string { return filepath.Join(u.dir, id+ending) }

// open reads the folder, if that was not done yet, and removes what is over. The caller holds mu.
func (u *uploads) open() error {
	if u.known == nil {
		known, err := u.read()
		if err != nil {
			return fmt.Errorf("read uploads in parts: %w", err)
		}
		u.known, u.taken = known, map[string]bool{}
	}
	now := time.Now()
	u.swept = now
	for id, p := range u.known {
		if now.After(p.Expires) && !u.taken[id] {
			if err := u.remove(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweep removes what is over, if it is time. A request that is none of its business does not wait for it.
func (u *uploads) sweep() error {
	if u.dir == "" || !u.mu.TryLock() {
		return nil
	}
	defer u.mu.Unlock()
	if time.Since(u.swept) < sweepEvery {
		return nil
	}
	return u.open()
}

// read reads the folder after a start, and removes what was never acknowledged.
func (u *uploads) read() (map[string]partial, error) {
	if err := os.MkdirAll(u.dir, 0o700); err != nil {
		return nil, err
	}
	files, err := os.ReadDir(u.dir)
	if err != nil {
		return nil, err
	}
	known := map[string]partial{}
	for _, file := range files {
		id, ok := strings.CutSuffix(file.Name(), stateEnding)
		if !ok {
			continue
		}
		var p partial
		text, err := os.ReadFile(u.path(id, stateEnding))
		if err == nil {
			err = json.Unmarshal(text, &p)
		}
		if err == nil && p.ID != id {
			err = fmt.Errorf("it is of upload %q", p.ID)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file.Name(), err)
		}
		if p.Sum == "" { // a disk that lost bytes all the same is found out here, and its sender sends them again
			stat, err := os.Stat(u.path(id, bytesEnding))
			if errors.Is(err, fs.ErrNotExist) {
				err = os.Remove(u.path(id, stateEnding))
				if err == nil {
					continue
				}
			}
			if err != nil {
				return nil, err
			}
			p.Offset = min(p.Offset, stat.Size())
			if err := os.Truncate(u.path(id, bytesEnding), p.Offset); err != nil {
				return nil, err
			}
		}
		known[id] = p
	}
	for _, file := range files {
		ending := filepath.Ext(file.Name())
		p, ok := known[strings.TrimSuffix(file.Name(), ending)]
		if ending != draftEnding && (ending != bytesEnding || ok && !p.delivered()) {
			continue
		}
		if err := os.Remove(filepath.Join(u.dir, file.Name())); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// begin makes an upload, unless the same one is on its way already: then that goes on. limit is the size of a file at most.
func (u *uploads) begin(p partial, limit int64) (_ partial, begun bool, refused *Problem, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.open(); err != nil {
		return p, false, nil, err
	}
	var theirs []string
	var bytes, theirBytes int64
	for id, k := range u.known {
		if k.delivered() {
			continue
		}
		bytes += k.Offset // what was only announced takes no room
		if k.Agency != p.Agency || k.Sandbox != p.Sandbox {
			continue
		}
		if p.same(&k) && (p.Key != "" || p.Digest != "") {
			return k, false, nil, nil
		}
		if p.Key != "" && p.Key == k.Key {
			return p, false, keyTaken(id), nil
		}
		theirs, theirBytes = append(theirs, id), theirBytes+k.Bytes
	}
	switch {
	case len(theirs) >= maxOpenUploads, len(theirs) > 0 && theirBytes+p.Bytes > openAgencySizes*limit:
		return p, false, tooManyUploads(theirs), nil
	case bytes > openSizes*limit:
		return p, false, nil, fmt.Errorf("uploads in parts: %w: %d bytes are on their way", connectors.ErrFull, bytes)
	}
	p.ID, p.Expires = rand.Text(), time.Now().Add(uploadLife)
	file, err := os.OpenFile(u.path(p.ID, bytesEnding), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return p, false, nil, err
	}
	if err := errors.Join(file.Close(), u.write(p)); err != nil {
		return p, false, nil, errors.Join(err, u.remove(p.ID))
	}
	return p, true, nil, nil
}

// write brings what is known of an upload to disk. The caller holds mu.
func (u *uploads) write(p partial) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	draft := u.path(p.ID, draftEnding)
	file, err := os.OpenFile(draft, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(draft, u.path(p.ID, stateEnding))
	}
	if err == nil {
		err = syncDir(u.dir)
	}
	if err != nil {
		return fmt.Errorf("keep upload %s: %w", p.ID, err)
	}
	u.known[p.ID] = p
	return nil
}

// save is write for whoever took the upload.
func (u *uploads) save(p partial) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	p.Expires = time.Now().Add(uploadLife)
	return u.write(p)
}

// find gives an upload as it is now.
func (u *uploads) find(id string) (p partial, found bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.open(); err != nil {
		return p, false, err
	}
	p, found = u.known[id]
	return p, found, nil
}

// take gives an upload to one caller alone, until it is released.
func (u *uploads) take(id string) (p partial, release func(), ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	p, ok = u.known[id]
	if !ok || u.taken[id] {
		return p, nil, false
	}
	u.taken[id] = true
	return p, func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.taken, id)
	}, true
}

// grow writes a part behind what is there already, and gives the upload as it is then. The part is on disk before that is known, and
// that before it returns. check looks at what came, and at its digest if digested: what it refuses counts as nothing. At most one byte
// more is read than the upload lacks.
func (u *uploads) grow(p partial, part *upload, digested bool, check func(n int64, digest string) error) (_ partial, err error) {
	file, err := os.OpenFile(u.path(p.ID, bytesEnding), os.O_WRONLY, 0)
	if err != nil {
		return p, err
	}
	kept := p.Offset
	defer func() {
		if kept == p.Offset {
			err = errors.Join(err, file.Truncate(kept)) // room for others
		}
		err = errors.Join(err, file.Close())
	}()
	if err := file.Truncate(p.Offset); err != nil { // nobody was told of what lies beyond
		return p, err
	}
	if _, err := file.Seek(p.Offset, io.SeekStart); err != nil {
		return p, err
	}
	sum := sha256.New()
	into := io.MultiWriter(file)
	if digested {
		into = io.MultiWriter(file, sum)
	}
	buf := partBuffers.Get().(*[partBuffer]byte)
	defer partBuffers.Put(buf)
	n, err := io.CopyBuffer(into, io.LimitReader(part, p.Bytes-p.Offset+1), buf[:])
	if err != nil && part.err == nil { // the disk's; what is wrong with the body is check's business
		return p, err
	}
	if err := check(n, digestName(sum.Sum(nil))); err != nil {
		return p, err
	}
	grown := p
	grown.Offset += n
	if err := errors.Join(file.Sync(), u.save(grown)); err != nil { // Promise 1: on disk before anybody is told
		return p, err
	}
	kept = grown.Offset
	return grown, nil
}

// partBuffer is how much of a part is in memory at once.
const partBuffer = 256 << 10

var partBuffers = sync.Pool{New: func() any { return new([partBuffer]byte) }}

// digest reads the bytes of an upload through.
func (u *uploads) digest(p partial) (string, error) {
	file, err := os.Open(u.path(p.ID, bytesEnding))
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, file)
	if err == nil && n != p.Bytes {
		err = fmt.Errorf("upload %s has %d bytes on disk, and %d were acknowledged", p.ID, n, p.Bytes)
	}
	return digestName(sum.Sum(nil)), err
}

func digestName(sum []byte) string { return "sha256:" + hex.EncodeToString(sum) }

// gone says whether the bytes of an upload are there no more: the hub took them over.
func (u *uploads) gone(p partial) bool {
	_, err := os.Stat(u.path(p.ID, bytesEnding))
	return errors.Is(err, fs.ErrNotExist)
}

// settle notes the receipt of an upload, whose bytes are needed no more.
func (u *uploads) settle(p partial) error {
	if err := u.save(p); err != nil {
		return err
	}
	if err := os.Remove(u.path(p.ID, bytesEnding)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the bytes of upload %s: %w", p.ID, err)
	}
	return u.forget(p)
}

// forget removes the receipts' numbers of an agency beyond the bound, the oldest first: by its key a receipt is found as before.
func (u *uploads) forget(p partial) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	oldest, n := p, 0
	for _, k := range u.known {
		if k.Agency == p.Agency && k.delivered() {
			n++
			if k.Expires.Before(oldest.Expires) && !u.taken[k.ID] {
				oldest = k
			}
		}
	}
	if n <= maxSettled || oldest.ID == p.ID {
		return nil
	}
	return u.remove(oldest.ID)
}

// drop removes an upload for whoever took it.
func (u *uploads) drop(id string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.remove(id)
}

// remove removes an upload: what is known of it first, as bytes without that are swept at the next start. The caller holds mu.
func (u *uploads) remove(id string) error {
	delete(u.known, id)
	for _, ending := range []string{stateEnding, draftEnding, bytesEnding} {
		if err := os.Remove(u.path(id, ending)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove upload %s: %w", id, err)
		}
	}
	return nil
}

// syncDir brings the names in a folder to disk.
func syncDir(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
