package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hebian/matcher/entity"
)

// registerEntities offers what a check writes of legal entities, as the hub judges them now.
func (s *service) registerEntities(api huma.API) {
	for _, file := range []struct {
		name, kind, id, summary string
		write                   func(io.Writer, entity.Each) error
	}{
		{"entities.csv", "text/csv", "get-entities", "Which registrations are of which legal entity", entity.WriteEntities},
		{"conflicts.csv", "text/csv", "get-conflicts", "Where registrations contradict each other", entity.WriteConflicts},
		{"golden.ndjson", "application/x-ndjson", "get-golden", "The golden record of every legal entity", entity.WriteGolden},
	} {
		huma.Register(api, s.forStaff(api, huma.Operation{
			OperationID: file.id, Method: http.MethodGet, Path: "/v1/" + file.name, Summary: file.summary + ", as hebian check writes it",
			Description: "Everything that was delivered counts, and officers' link decisions do.",
			Responses: map[string]*huma.Response{"200": {
				Description: file.summary, Content: map[string]*huma.MediaType{file.kind: {Schema: &huma.Schema{Type: huma.TypeString}}},
			}},
		}, map[int]string{http.StatusServiceUnavailable: "behind: deliveries are still being judged; Retry-After says when to come again."}), func(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
			written, err := s.writeEntities(ctx, file.write)
			switch {
			case errors.Is(err, errBehind):
				return nil, huma.ErrorWithHeaders(problem(http.StatusServiceUnavailable, "behind", "Not judged yet", "Deliveries are still being judged; ask again.", "报送尚在核对，请稍后再试。"), http.Header{"Retry-After": {"10"}})
			case err != nil:
				s.logger.Error("write "+file.name, "error", err)
				return nil, internal("The file can't be written.", "无法生成文件。")
			}
			return &huma.StreamResponse{Body: func(ctx huma.Context) {
				defer written.Close()
				ctx.SetHeader("Content-Type", file.kind+"; charset=utf-8")
				ctx.SetHeader("Cache-Control", "no-store")
				if _, err := io.Copy(ctx.BodyWriter(), written); err != nil {
					s.logger.Warn(file.name+" was cut off", "error", err)
				}
			}}, nil
		})
	}
}

// writeEntities writes a file about all entities, by all that was delivered before it was called. It goes to the disk first: a reader
// that is slow keeps no judge waiting. The file has no name any more, and is gone when it is closed.
func (s *service) writeEntities(ctx context.Context, write func(io.Writer, entity.Each) error) (written *os.File, err error) {
	wait, cancel := context.WithTimeout(ctx, catchUpSeconds*time.Second)
	defer cancel()
	if err := s.caughtUp(wait); err != nil {
		return nil, fmt.Errorf("%w: %w", errBehind, err)
	}
	select { // one at a time: each takes time of the judge
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-wait.Done():
		return nil, fmt.Errorf("%w: %w", errBehind, wait.Err())
	}
	file, err := os.CreateTemp(s.dir, "answer-*")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	if err := os.Remove(file.Name()); err != nil {
		return nil, err
	}
	w := bufio.NewWriterSize(file, 1<<16)
	if err := errors.Join(write(w, s.register.standing.Each), w.Flush()); err != nil {
		return nil, err
	}
	_, err = file.Seek(0, io.SeekStart)
	return file, err
}
