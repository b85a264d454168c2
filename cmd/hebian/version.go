package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// version is the command that says which build this is.
type version struct{ format }

func (c *version) Run(s streams) error {
	v := struct {
		Version  string `json:"version"`
		Revision string `json:"revision"`
		Go       string `json:"go"`
		Platform string `json:"platform"`
	}{"(devel)", "unknown", runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	if build, ok := debug.ReadBuildInfo(); ok {
		v.Version = build.Main.Version
		for _, setting := range build.Settings {
			if setting.Key == "vcs.revision" {
				v.Revision = setting.Value
			}
		}
	}
	return c.print(s.out, v, func(w io.Writer) {
		fmt.Fprintf(w, "hebian %s, revision %s, %s, %s\n", v.Version, v.Revision, v.Go, v.Platform)
	})
}
