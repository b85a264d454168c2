package connectors

import (
	"bytes"
	"fmt"

	"github.com/goccy/go-yaml"
)

// DecodeYAML reads YAML that a person wrote into v. Unknown keys are refused; errors name line and
// column. The library panics on some text that is no YAML; here that is an error as well.
func DecodeYAML(text []byte, v any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("this is no YAML that can be read: %v", p)
		}
	}()
	return yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(v)
}
