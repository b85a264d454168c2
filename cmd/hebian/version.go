package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// version is the command that says which build this is.
type version struct{ format }

// build is what the toolchain wrote into the binary.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{"(devel)", "unknown", runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	if read, ok := debug.ReadBuildInfo(); ok {
		b.Version = read.Main.Version
		for _, setting := range read.Settings {
			if setting.Key == "vcs.revision" {
				b.Revision = setting.Value
			}
		}
	}
	return b
}

func (c *version) Run(s streams) error {
	b := thisBuild()
	return c.print(s.out, b, func(w io.Writer) {
		fmt.Fprintf(w, "hebian %s, revision %s, %s, %s\n", b.Version, b.Revision, b.Go, b.Platform)
	})
}
