package life_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"hebian/connectors/connectortest"
	"hebian/connectors/life"
)

// files is a store of one file for each connector.
type files string

func (f files) Load(_ context.Context, name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(string(f), name))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return string(text), err
}

func (f files) Save(_ context.Context, name, state string) error {
	path := filepath.Join(string(f), name)
	if err := os.WriteFile(path+".new", []byte(state), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

const (
	liveJobs  = 5
	liveRows  = 3 // of a batch
	liveGoals = 400
)

// liveOn runs connectors that write batches of rows, until each has enough.
func liveOn(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	enough := make(chan struct{}, liveJobs)
	var jobs []life.Job
	for i := range liveJobs {
		name := fmt.Sprint("c", i)
		rows, err := os.OpenFile(filepath.Join(dir, name+".rows"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		told := false
		jobs = append(jobs, life.Job{Name: name, Direction: life.In, Every: 100 * time.Millisecond, Close: rows.Close,
			Run: func(ctx context.Context, position string, keep life.Keep) error {
				n, _ := strconv.Atoi(position) // "" is 0
				for ; n < liveGoals; n++ {
					if _, err := rows.WriteString(fmt.Sprintf("%d\n", n)); err != nil {
						return err
					}
					if err := keep(ctx, life.Done{Position: fmt.Sprint(n + 1), Rows: liveRows, Accepted: liveRows, Delivery: int64(n + 1)}); err != nil {
						return err
					}
				}
				if !told {
					told = true
					enough <- struct{}{}
				}
				return nil
			}})
	}
	k, err := life.New(jobs, files(dir), life.Options{})
	if err != nil {
		return err
	}
	go func() {
		for range liveJobs {
			<-enough
		}
		cancel()
	}()
	return k.Run(ctx)
}

// Killed at any moment, the counts are those of the position, and a batch comes twice at most for each kill.
func TestKill(t *testing.T) {
	times := 40
	if testing.Short() {
		times = 8
	}
	dir := t.TempDir()
	check := func(kills int) {
		for i := range liveJobs {
			name := fmt.Sprint("c", i)
			text, err := files(dir).Load(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			var state struct {
				Position                                string
				Rows, Accepted, Quarantined, Deliveries int64
			}
			if text != "" {
				if err := json.Unmarshal([]byte(text), &state); err != nil {
					t.Fatal(err)
				}
			}
			at, _ := strconv.Atoi(state.Position)
			if state.Rows != int64(at*liveRows) || state.Accepted != state.Rows || state.Deliveries != int64(at) {
				t.Errorf("%s is at %q and counts %+v", name, state.Position, state)
			}
			rows, err := os.ReadFile(filepath.Join(dir, name+".rows"))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if n := bytes.Count(rows, []byte("\n")); n < at || n > at+kills {
				t.Errorf("%s is at %d after %d kills, and wrote %d batches", name, at, kills, n)
			}
		}
	}
	kills := 0
	killed := connectortest.Kill(t, connectortest.Killing{Entry: "life", Dir: dir, Times: times, Within: 20 * time.Millisecond, Check: func() {
		kills++
		check(kills)
	}})
	connectortest.Complete(t, "life", dir)
	check(times)
	t.Logf("%d of %d killed", killed, times)
}
