package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// bar shows on a terminal how far long work has come. Elsewhere it is silent.
type bar struct{ on *progressbar.ProgressBar }

func newBar(w io.Writer, total int64, what string, bytes bool) bar {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return bar{}
	}
	return bar{progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(file),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(bytes),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)}
}

func (b bar) set(done int64) {
	if b.on != nil {
		b.on.Set64(done) //nolint:errcheck // a bar that can't be drawn is no reason to stop
	}
}

func (b bar) end() {
	if b.on != nil {
		b.on.Finish() //nolint:errcheck // as above
	}
}
