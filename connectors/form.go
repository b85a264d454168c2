package connectors

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"hebian/schemas"
)

// forms are all there are.
var forms = []Form{CSV, NDJSON, JSON, XLSX, DBF, Avro}

// endings are what names of files in a form end in.
var endings = map[string]Form{".csv": CSV, ".ndjson": NDJSON, ".jsonl": NDJSON, ".json": JSON, ".xlsx": XLSX, ".dbf": DBF, ".avro": Avro}

// packed are the endings of files that hold a compressed one.
var packed = []string{".gz", ".zip"}

// columned says whether the rows of a form are cells below a header row; else they are objects.
func (f Form) columned() bool { return f != NDJSON && f != JSON }

// encoded says whether a form leaves open how characters are written.
func (f Form) encoded() bool { return f != XLSX && f != Avro }

// autoEncoding has the encoding found out from the file itself.
const autoEncoding = "auto"

func checkEncoding(form Form, encoding string) error {
	switch {
	case encoding == "utf-8", encoding == "gb18030", encoding == autoEncoding:
		return nil
	case encoding == "" && !form.encoded():
		return nil
	}
	return fmt.Errorf("encoding is %q, want utf-8, gb18030 or auto", encoding)
}

// form is what the file is written in.
func (f *Found) form() Form {
	if f.As != "" {
		return f.As
	}
	return f.Form
}

// encodingName is how its characters are written. A file in another form than its profile says need not keep to the profile's encoding.
func (f *Found) encodingName() string {
	switch {
	case f.In != "":
		return f.In
	case f.As != "" && f.As != f.Form, f.Encoding == "":
		return autoEncoding
	}
	return f.Encoding
}

// Keyed says whether the rows of the file are known by a key.
func (f *File) Keyed() bool { return len(f.Key) > 0 }

// plain is the path of the file of a month; 0 for a file that is not one of a month.
func (f *File) plain(month schemas.Month) string {
	if month == 0 {
		return f.Path
	}
	return strings.ReplaceAll(f.Path, "{month}", month.String())
}

// find says whether a path relative to the county folder is this file, in whatever form.
func (f *File) find(name string) (Found, bool) {
	if month, ok := f.Match(name); ok {
		return Found{File: f, Name: name, Month: month}, true
	}
	inner := name
	for _, ending := range packed {
		if rest, ok := strings.CutSuffix(name, ending); ok {
			inner = rest
		}
	}
	form, ok := endings[strings.ToLower(path.Ext(inner))]
	if !ok {
		return Found{}, false
	}
	plain := strings.TrimSuffix(inner, path.Ext(inner)) + path.Ext(f.Path)
	month, ok := f.Match(plain)
	if !ok {
		return Found{}, false
	}
	found := Found{File: f, Name: plain, Month: month}
	if form != f.Form {
		found.As = form
	}
	return found, true
}

// Forms lists the names of the forms that files may come in.
func Forms() []string {
	var names []string
	for _, f := range forms {
		names = append(names, string(f))
	}
	return slices.Clip(names)
}
