package drop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"hebian/connectors"
)

const (
	// declares begins the name of a file that declares a month complete.
	declares = "complete-"
	// maxDeclaration bounds such a file.
	maxDeclaration = 64 << 10
)

// declaration does what a file complete-YYYYMM says.
func (f *Folder) declaration(ctx context.Context, e entry) (mark, error) {
	says, err := e.read()
	if errors.As(err, new(*unreadableError)) {
		return mark{Outcome: connectors.Failed, Error: err.Error()}, nil
	}
	if err != nil {
		return mark{}, err
	}
	d := connectors.Declaration{
		Agency: e.profile.Agency, Month: e.month, Kind: cmp.Or(says.Kind, connectors.Whole), Empty: says.Empty, By: e.profile.Agency,
	}
	_, err = e.profile.Declare(ctx, f.Periods, f.Today(), d)
	if errors.As(err, new(*connectors.NotTheirsError)) {
		return mark{Outcome: connectors.Failed, Error: err.Error()}, nil
	}
	if err != nil {
		return mark{}, err
	}
	return mark{Outcome: connectors.Complete}, nil
}

// statement is what stands in a declaration.
type statement struct {
	Kind  connectors.Kind `yaml:"kind"`
	Empty []string        `yaml:"empty"`
}

// unreadableError says why a declaration can't be read.
type unreadableError struct{ reason string }

func (e *unreadableError) Error() string { return e.reason }

// read reads a declaration; an empty file says the usual.
func (e entry) read() (statement, error) {
	var says statement
	file, err := e.open()
	if err != nil {
		return says, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxDeclaration+1))
	if err != nil {
		return says, err
	}
	if err := e.check(file); err != nil {
		return says, err
	}
	if len(text) > maxDeclaration {
		return says, &unreadableError{fmt.Sprintf("more than %d bytes are no declaration", maxDeclaration)}
	}
	if err := connectors.DecodeYAML(text, &says); err != nil && !errors.Is(err, io.EOF) {
		return says, &unreadableError{err.Error()}
	}
	switch says.Kind {
	case "", connectors.Whole, connectors.Changes:
		return says, nil
	}
	return says, &unreadableError{fmt.Sprintf("kind is %q, want full or changes", says.Kind)}
}
