package sftp

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"

	"hebian/connectors"
)

// glance is what a listing says of a file. Two that are alike mean, as far as a server tells, that nobody wrote to it in between.
type glance struct {
	Size     int64 `json:"s"` // bytes
	Modified int64 `json:"m"` // seconds since 1970: SFTP knows no finer time
}

func see(stat fs.FileInfo) glance { return glance{stat.Size(), stat.ModTime().Unix()} }

// mark is a file that was taken in.
type mark struct {
	Name string `json:"n"`
	glance
}

// memory is the files that were taken in, the oldest first. As JSON it is the source's position.
type memory struct {
	Taken []mark `json:"taken"`
}

func recall(position string) (memory, error) {
	var m memory
	if position == "" {
		return m, nil
	}
	if err := json.Unmarshal([]byte(position), &m); err != nil {
		return m, fmt.Errorf("read position: %w", err)
	}
	return m, nil
}

// knows says whether a file was taken in as it lies there.
func (m memory) knows(name string, g glance) bool { return slices.Contains(m.Taken, mark{name, g}) }

// with gives the memory that has one more file, and its text. To stay within a position it forgets the oldest files that are no
// longer there; when all are, the text is "".
func (m memory) with(name string, g glance, there func(name string) bool) (memory, string, error) {
	more := memory{Taken: slices.Clone(m.Taken)}
	more.Taken = slices.DeleteFunc(more.Taken, func(t mark) bool { return t.Name == name })
	more.Taken = append(more.Taken, mark{name, g})
	for {
		text, err := json.Marshal(more)
		if err != nil {
			return m, "", fmt.Errorf("write position: %w", err)
		}
		if len(text) <= connectors.MaxPosition {
			return more, string(text), nil
		}
		before := len(more.Taken)
		forget := max(before/10, 1) // some at a time, so that a full memory is not written for each
		more.Taken = slices.DeleteFunc(more.Taken, func(t mark) bool {
			gone := forget > 0 && !there(t.Name)
			if gone {
				forget--
			}
			return gone
		})
		if len(more.Taken) == before {
			return m, "", nil
		}
	}
}
