package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"hebian/hub"
	"hebian/matcher/entity"
	"hebian/matcher/rules"
	"hebian/schemas"
)

// writable makes the folder for the output and tries whether a file can be written there, before hours
// of work end at its door.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("make output folder: %w", err)
	}
	probe := filepath.Join(dir, unfinished("flags.csv"))
	if err := os.WriteFile(probe, nil, 0o666); err != nil {
		return fmt.Errorf("write to output folder: %w", err)
	}
	return os.Remove(probe)
}

// write writes the output files. Each is whole before any takes its name, so that the folder never
// holds half of one; and they change together but for a crash between two renames.
func (h *house) write(ctx context.Context, dir string, t taken, j judgement, sum *summary) error {
	files := []struct {
		names []string // that one walk fills
		write func(w []*bufio.Writer) error
	}{
		{[]string{"flags.csv"}, func(w []*bufio.Writer) error { return writeFlags(w[0], j) }},
		{[]string{"flags.ndjson"}, func(w []*bufio.Writer) error { return writeFlagLines(w[0], j) }},
		{[]string{"entities.csv", "conflicts.csv", "golden.ndjson"}, func(w []*bufio.Writer) error {
			var counts entity.Counts
			err := entity.Write(w[0], w[1], w[2], counting(j.entities, &counts))
			sum.Entities = summarizeEntities(counts)
			return err
		}},
		{[]string{"quarantine.csv"}, func(w []*bufio.Writer) error { return writeCounts(w[0], t.receipts) }},
		{[]string{"quarantine.ndjson"}, func(w []*bufio.Writer) error { return h.writeMisfits(ctx, w[0], t.receipts) }},
		{[]string{"summary.json"}, func(w []*bufio.Writer) error { return format{"json"}.print(w[0], sum, nil) }},
	}
	var names []string
	for _, file := range files {
		var paths []string
		for _, name := range file.names {
			path := filepath.Join(dir, unfinished(name))
			defer os.Remove(path) //nolint:errcheck // renamed, it is gone
			paths = append(paths, path)
		}
		if err := writeFiles(paths, nil, file.write); err != nil {
			return fmt.Errorf("write %s in %s: %w", strings.Join(file.names, ", "), dir, err)
		}
		names = append(names, file.names...)
	}
	for _, name := range names {
		if err := os.Rename(filepath.Join(dir, unfinished(name)), filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("write %s: %w", filepath.Join(dir, name), err)
		}
	}
	return nil
}

// writeFiles writes several files at once and brings them to disk.
func writeFiles(paths []string, open []*bufio.Writer, write func([]*bufio.Writer) error) error {
	if len(paths) == 0 {
		return write(open)
	}
	return writeFile(paths[0], func(w *bufio.Writer) error { return writeFiles(paths[1:], append(open, w), write) })
}

// unfinished is the name of a file that is being written. It is always the same, so that what a crash
// leaves is written over.
func unfinished(name string) string { return "." + name + ".unfinished" }

// writeFile writes a file and brings it to disk.
func writeFile(path string, write func(*bufio.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(file, 1<<16)
	for _, step := range []func() error{func() error { return write(w) }, w.Flush, file.Sync, file.Close} {
		if err := step(); err != nil {
			file.Close() // closed twice at worst
			return err
		}
	}
	return nil
}

func writeFlags(w *bufio.Writer, j judgement) error {
	w.WriteString("code,person,unit,month,detail\n")
	for i := range j.Findings {
		f := &j.Findings[i]
		for n, field := range []string{f.Code, string(f.Person), string(f.Unit), monthText(f.Month), f.Detail} {
			if n > 0 {
				w.WriteByte(',')
			}
			w.WriteString(csvField(field))
		}
		w.WriteByte('\n')
	}
	return nil // a bufio.Writer keeps its error for Flush
}

// csvField quotes a field only where RFC 4180 needs it.
func csvField(s string) string {
	if !strings.ContainsAny(s, "\",\r\n") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

func monthText(m schemas.Month) string {
	if m == 0 {
		return ""
	}
	return m.String()
}

// flagLine is a line of flags.ndjson.
type flagLine struct {
	Code         string           `json:"code"`
	Person       string           `json:"person"`
	Unit         string           `json:"unit"`
	Month        string           `json:"month"`
	Detail       string           `json:"detail"`
	Label        string           `json:"label"`
	Severity     string           `json:"severity"`
	Owner        string           `json:"owner"`
	Meaning      string           `json:"meaning"`
	Check        string           `json:"check"` // before anybody acts
	AsOf         string           `json:"as_of"`
	RuleVersion  int              `json:"rule_version"`
	Parameters   rules.Parameters `json:"parameters"`
	Provisional  bool             `json:"provisional"`
	Evidence     []source         `json:"evidence"`
	EvidenceRows int              `json:"evidence_rows"` // of which Evidence names the first
}

func writeFlagLines(w *bufio.Writer, j judgement) error {
	all, err := rules.Texts()
	if err != nil {
		return err
	}
	texts := map[string]rules.Text{}
	for _, text := range all {
		texts[text.Code] = text
	}
	lines := newLines(w)
	for i := range j.Findings {
		f := &j.Findings[i]
		text := texts[f.Code]
		line := flagLine{
			Code: f.Code, Person: string(f.Person), Unit: string(f.Unit), Month: monthText(f.Month), Detail: f.Detail,
			Label: text.Label, Severity: text.Severity, Owner: text.Owner, Meaning: text.ZH, Check: text.CheckZH,
			AsOf: f.AsOf.String(), RuleVersion: f.Version, Parameters: f.Parameters, Provisional: f.Provisional, EvidenceRows: f.Rows,
		}
		for _, ref := range f.Evidence {
			line.Evidence = append(line.Evidence, j.sources[ref])
		}
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

func newLines(w io.Writer) *json.Encoder {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder
}

func writeCounts(w *bufio.Writer, receipts []hub.Receipt) error {
	w.WriteString("file,rows_read,accepted,quarantined\n")
	for _, r := range receipts {
		w.WriteString(csvField(r.File))
		for _, n := range []int64{r.RowsRead, r.Accepted, r.Quarantined} {
			w.WriteByte(',')
			w.WriteString(strconv.FormatInt(n, 10))
		}
		w.WriteByte('\n')
	}
	return nil
}

// misfitLine is a line of quarantine.ndjson.
type misfitLine struct {
	File   string         `json:"file"`
	Line   int64          `json:"line"`
	Column string         `json:"column,omitempty"`
	Reason schemas.Reason `json:"reason"`
	Detail string         `json:"detail"`
	Length int64          `json:"length"`           // bytes of the row
	Digest string         `json:"digest,omitempty"` // SHA-256 of the row, where raw is cut
	Raw    []byte         `json:"raw"`              // base64
}

// writeMisfits writes the rows in quarantine of the files delivered, by file and line.
func (h *house) writeMisfits(ctx context.Context, w *bufio.Writer, receipts []hub.Receipt) error {
	lines := newLines(w)
	for _, receipt := range receipts {
		if err := hub.Refused(ctx, h.log, h.deliveries, receipt, func(m schemas.Misfit) error {
			line := misfitLine{File: m.File, Line: m.Line, Reason: m.Reason, Detail: m.Detail, Length: m.Length, Raw: m.Raw}
			if m.Column != nil {
				line.Column = *m.Column
			}
			if len(m.Digest) > 0 {
				line.Digest = "sha256:" + hex.EncodeToString(m.Digest)
			}
			return lines.Encode(line)
		}); err != nil {
			return err
		}
	}
	return nil
}
