package sheet

import (
	"path"
	"strconv"
	"strings"
)

const (
	// maxSmall bounds the parts that are small: the list of sheets, the links, the formats. They are
	// read in full before the first row.
	maxSmall = 32 << 20
	// maxSheets and maxLinks are how many a workbook may have. Programs stop at some 1,000.
	maxSheets = 10_000
	maxLinks  = 100_000
	// maxNamed is how many sheets a message names.
	maxNamed = 20
	// maxStyles is how many styles and number formats cells may have. Excel stops at 65,490.
	maxStyles = 1 << 17
)

// book is what the workbook says of a sheet, with the names of its parts. Styles and texts may be missing.
type book struct {
	sheet, styles, texts string
	epoch                epoch
}

type sheetEntry struct {
	name, link string
	hidden     bool
}

// readBook finds a sheet by its name.
func readBook(archive *parts, name string) (book, error) {
	main, err := mainPart(archive)
	if err != nil {
		return book{}, err
	}
	links, err := readLinks(archive, main)
	if err != nil {
		return book{}, err
	}
	var b book
	sheets, err := b.read(archive, main, links)
	if err != nil {
		return book{}, err
	}
	entry, err := choose(sheets, name)
	if err != nil {
		return book{}, err
	}
	for _, l := range links {
		switch {
		case l.id == entry.link && b.sheet == "":
			b.sheet = l.target
		case l.kind == "styles":
			b.styles = l.target
		case l.kind == "sharedStrings":
			b.texts = l.target
		}
	}
	return b, nil
}

// mainPart is the name of the part that lists the sheets.
func mainPart(archive *parts) (string, error) {
	if !archive.has("_rels/.rels") {
		return "xl/workbook.xml", nil
	}
	links, err := readLinks(archive, "")
	if err != nil {
		return "", err
	}
	for _, l := range links {
		if l.kind != "officeDocument" {
			continue
		}
		switch path.Ext(l.target) {
		case ".bin":
			return "", unfit("the file is a binary workbook (XLSB); save it as XLSX")
		case ".xml":
			return l.target, nil
		}
	}
	return "", unfit("the file is no workbook (XLSX)")
}

// link leads from a part to another one.
type link struct{ id, kind, target string }

// readLinks reads where a part leads to. Links out of the workbook are left out.
func readLinks(archive *parts, from string) ([]link, error) {
	folder, file := path.Split(from)
	name := folder + "_rels/" + file + ".rels"
	var links []link
	err := archive.elements(name, func(x *xmlReader, element string) error {
		if element != "Relationship" {
			return nil
		}
		var l link
		var mode string
		for at, to := range map[string]*string{"Id": &l.id, "Type": &l.kind, "Target": &l.target, "TargetMode": &mode} {
			var err error
			if *to, err = x.attribute(at); err != nil {
				return err
			}
		}
		if mode == "External" {
			return nil
		}
		if len(links) == maxLinks {
			return unfit("the workbook's part %s has more than %d links", name, maxLinks)
		}
		l.kind = path.Base(l.kind) // the rest is the edition of the standard
		if !strings.HasPrefix(l.target, "/") {
			l.target = folder + l.target
		}
		l.target = strings.TrimPrefix(path.Clean("/"+l.target), "/")
		links = append(links, l)
		return nil
	})
	return links, err
}

// read lists the sheets and takes the day from which days are counted.
func (b *book) read(archive *parts, main string, links []link) ([]sheetEntry, error) {
	kinds := make(map[string]string, len(links))
	for _, l := range links {
		kinds[l.id] = l.kind
	}
	var sheets []sheetEntry
	err := archive.elements(main, func(x *xmlReader, element string) error {
		switch element {
		case "workbookPr":
			flag, err := x.attribute("date1904")
			if flag == "1" || flag == "true" {
				b.epoch = epoch1904
			}
			return err
		case "sheet":
			entry, err := readSheetEntry(x)
			if err != nil {
				return err
			}
			if len(sheets) == maxSheets {
				return unfit("the workbook has more than %d sheets", maxSheets)
			}
			if kind := kinds[entry.link]; kind == "worksheet" { // else a chart or macros
				sheets = append(sheets, entry)
			}
		}
		return nil
	})
	return sheets, err
}

func readSheetEntry(x *xmlReader) (entry sheetEntry, err error) {
	if entry.name, err = x.attribute("name"); err != nil {
		return entry, err
	}
	state, err := x.attribute("state")
	if err != nil {
		return entry, err
	}
	entry.hidden = state == "hidden" || state == "veryHidden"
	for _, a := range x.attrs {
		if strings.HasSuffix(string(x.key(a)), ":id") { // of the namespace of links, however it is called
			value, err := x.value(a)
			if err != nil {
				return entry, err
			}
			entry.link = string(value)
		}
	}
	return entry, nil
}

// choose is the sheet by the name, or the one that one sees first.
func choose(sheets []sheetEntry, name string) (sheetEntry, error) {
	var names []string
	for _, s := range sheets {
		if name != "" && s.name == name || name == "" && !s.hidden {
			return s, nil
		}
		if len(names) < maxNamed {
			names = append(names, strconv.Quote(s.name))
		}
	}
	if len(sheets) > maxNamed {
		names = append(names, "…")
	}
	switch {
	case len(sheets) == 0:
		return sheetEntry{}, unfit("the workbook has no sheet of cells")
	case name == "" && len(sheets) == 1:
		return sheets[0], nil
	case name == "":
		return sheetEntry{}, unfit("all sheets of the workbook are hidden: %s", strings.Join(names, ", "))
	}
	return sheetEntry{}, unfit("the workbook has no sheet %q; it has %s", name, strings.Join(names, ", "))
}

// readStyles reads how the styles of cells show numbers. Without the part all cells are of style 0.
func readStyles(archive *parts, name string) ([]kind, error) {
	if name == "" {
		return []kind{plain}, nil
	}
	custom := map[int]kind{}
	var styles []kind
	inCells := false
	err := archive.elements(name, func(x *xmlReader, element string) error {
		switch element {
		case "numFmt":
			id, err := x.number("numFmtId")
			if err != nil {
				return err
			}
			code, err := x.attribute("formatCode")
			if len(custom) < maxStyles {
				custom[id] = formatKind(code)
			}
			return err
		case "cellXfs", "cellStyleXfs", "cellStyles", "dxfs":
			inCells = element == "cellXfs"
		case "xf":
			if !inCells {
				return nil
			}
			id, err := x.number("numFmtId")
			if err != nil {
				return err
			}
			if len(styles) == maxStyles {
				return unfit("the workbook has more than %d styles", maxStyles)
			}
			k, ok := custom[id]
			if !ok {
				k = builtinKind(id)
			}
			styles = append(styles, k)
		}
		return nil
	})
	if len(styles) == 0 {
		styles = []kind{plain}
	}
	return styles, err
}

// number is the value of an attribute that is a small number, 0 when there is none.
func (x *xmlReader) number(name string) (int, error) {
	value, err := x.attribute(name)
	if err != nil || value == "" {
		return 0, err
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return 0, unfit("the part %s has no number in %s", x.part.name, name)
	}
	return n, nil
}

// elements walks over a small part and calls for every start tag, with the element's name.
func (p *parts) elements(name string, each func(x *xmlReader, element string) error) (err error) {
	part, err := p.open(name, maxSmall)
	if err != nil {
		return err
	}
	defer part.Close()
	x := newXML(part)
	for {
		kind, err := x.next()
		if err != nil || kind == endOfPart {
			return err
		}
		if kind == startTag {
			if err := each(x, string(x.name)); err != nil {
				return err
			}
		}
	}
}
