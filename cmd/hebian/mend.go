package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"hebian/connectors"
	"hebian/connectors/push"
	"hebian/hub"
	"hebian/schemas"
)

// mending is the quarantine as a place of work. Whatever happens to a row there is a delivery of its file, with a receipt.
type mending struct{ doors }

// Files lists the files with rows in quarantine.
func (m mending) Files(ctx context.Context, agency string) ([]push.QuarantinedFile, error) {
	all, err := m.deliveries.RefusedFiles(ctx)
	files := []push.QuarantinedFile{}
	for _, f := range all {
		if agency == "" || f.Agency == agency {
			files = append(files, push.QuarantinedFile{Agency: f.Agency, File: f.File, Subject: f.Subject, Delivery: f.Delivery, Rows: f.Refused})
		}
	}
	return files, err
}

// Rows calls fn for the rows of a file.
func (m mending) Rows(ctx context.Context, agency, file string, fn func(connectors.QuarantinedRow) error) error {
	brought := map[int64]hub.Receipt{}
	return hub.Waiting(ctx, m.log, m.deliveries, agency, file, func(r hub.RefusedRow) error {
		by, known := brought[r.Delivery]
		if !known {
			var err error
			if by, err = m.deliveries.Get(ctx, r.Delivery); err != nil {
				return err
			}
			brought[r.Delivery] = by
		}
		said := connectors.RefusedOf(&r.Misfit)
		return fn(connectors.QuarantinedRow{
			Row: r.ID.String(), Delivery: r.Delivery, Line: r.Line, Column: said.Column, Reason: said.Reason, Detail: said.Detail,
			Raw: r.Raw, Whole: len(r.Digest) == 0 && r.Reason != schemas.ReasonUnknownRow, Form: connectors.Form(by.Form), Encoding: by.Encoding, Columns: by.Columns,
		})
	})
}

// Notes of deliveries that are nobody's handing over of a file: their rows had come before.
const (
	correctedNote = "corrected rows"
	againNote     = "read again"
)

// Resubmit takes corrected rows in.
func (m mending) Resubmit(ctx context.Context, u connectors.Upload) (connectors.Receipt, error) {
	u.Mended = true
	var fits fitting
	reading, err := m.door("", nil).Read(ctx, u.Found, &fits)
	if fileErr := new(connectors.FileError); errors.As(err, &fileErr) {
		return connectors.Receipt{}, problem(http.StatusUnprocessableEntity, "file_refused", "The file was refused", fileErr.Error(), "文件无法读取："+fileErr.Error())
	}
	if err != nil {
		return connectors.Receipt{}, err
	}
	if len(reading.Mends) == 0 {
		return connectors.Receipt{}, problem(http.StatusUnprocessableEntity, "no_rows_named", "No rows are named",
			"The file has no column _row that names rows in quarantine: send the corrected download. A whole new version goes to /v1/deliveries.", "文件缺少 _row 列，请送回更正后的下载文件；整份重报请用 /v1/deliveries。")
	}
	manifest := manifestOf(u)
	manifest.Note = correctedNote
	if manifest.Key == "" {
		manifest.Key = u.Name + " " + u.Digest // sent again, it is not taken in twice
	}
	if r, found, err := m.ByKey(ctx, u.Agency, manifest.Key); found || err != nil {
		return r, err
	}
	if manifest.Mode = hub.Add; u.Keyed() {
		manifest.Mode = hub.Merge
	}
	if u.Lines, manifest.Settles, err = m.ready(ctx, u, reading.Mends, fits.lines); err != nil {
		return connectors.Receipt{}, err
	}
	if len(u.Lines) == 0 {
		return connectors.Receipt{}, problem(http.StatusConflict, "nothing_fits", "Nothing fits yet",
			fmt.Sprintf("None of the %d rows that the file names fits and still waits in quarantine. They stay there as they are.", len(reading.Mends)), "文件所列各行均不能接收，或已不在隔离区；隔离区内容未变。")
	}
	taken, err := m.take(ctx, m.door("", nil), u.Found, manifest)
	r, err := answer(taken, err)
	r.Left = int64(len(reading.Mends) - len(u.Lines))
	return r, err
}

// ready chooses the lines of a corrected file that come in: those that fit and whose row still waits in quarantine, each row once. The rows of the
// others stay where they are: nothing is lost that was not mended.
func (m mending) ready(ctx context.Context, u connectors.Upload, mends []connectors.Mend, fit []int64) (lines map[int64]bool, settles []schemas.ID, err error) {
	waiting, fits := map[string]bool{}, map[int64]bool{}
	if err := m.Rows(ctx, u.Agency, u.Name, func(r connectors.QuarantinedRow) error {
		waiting[r.Row] = true
		return nil
	}); err != nil {
		return nil, nil, err
	}
	for _, line := range fit {
		fits[line] = true
	}
	lines = map[int64]bool{}
	for _, mend := range mends {
		if !fits[mend.Line] || !waiting[mend.Row] {
			continue
		}
		delete(waiting, mend.Row)
		id, _ := schemas.ParseID(mend.Row) // the hub's own
		lines[mend.Line], settles = true, append(settles, id)
	}
	return lines, settles, nil
}

// chosen are the rows of a file that are named, or all if none is.
func (m mending) chosen(ctx context.Context, agency, file string, rows []string) (chosen []connectors.QuarantinedRow, err error) {
	named := make(map[string]bool, len(rows))
	for _, row := range rows {
		named[row] = true
	}
	err = m.Rows(ctx, agency, file, func(r connectors.QuarantinedRow) error {
		if len(rows) > 0 && !named[r.Row] {
			return nil
		}
		if len(chosen) == mostMended {
			return problem(http.StatusUnprocessableEntity, "too_many_rows", "Too many rows",
				fmt.Sprintf("More than %d rows are meant: name rows, or a reason.", mostMended), fmt.Sprintf("行数超过 %d，请指定行或原因。", mostMended))
		}
		r.Raw = slices.Clone(r.Raw)
		chosen = append(chosen, r)
		return nil
	})
	return chosen, err
}

// mostMended is how many rows are mended in one delivery: what a change set holds.
const mostMended = 100_000

// Retry reads rows again by the profile as it is now. Those that still do not fit stay where they are.
func (m mending) Retry(ctx context.Context, agency, file string, rows []string, by string) (connectors.Receipt, error) {
	found, release, err := m.claim(agency, file)
	if err != nil {
		return connectors.Receipt{}, err
	}
	defer release()
	chosen, err := m.chosen(ctx, agency, file, rows)
	if err != nil {
		return connectors.Receipt{}, err
	}
	door := m.door("", nil)
	manifest := hub.Manifest{Agency: agency, File: file, Subject: found.Subject, Mode: hub.Add, Keyed: found.Keyed(), By: by, Note: againNote}
	if found.Keyed() {
		manifest.Mode = hub.Merge
	}
	ready, err := fitRows(ctx, door, found, chosen)
	if err != nil {
		return connectors.Receipt{}, err
	}
	if len(ready) == 0 {
		return connectors.Receipt{}, problem(http.StatusConflict, "nothing_fits", "Nothing fits yet", "None of the rows fits the profile as it is now.", "按现行模板，没有一行可以接收。")
	}
	for _, row := range ready {
		id, _ := schemas.ParseID(row.Row) // the hub's own
		manifest.Settles = append(manifest.Settles, id)
	}
	newest := int64(0) // the same rows may come back into quarantine, and leave it again
	for _, row := range ready {
		newest = max(newest, row.Delivery)
	}
	manifest.Key = fmt.Sprintf("retry %s %d %d", ready[0].Row, len(ready), newest)
	r, err := m.takeRows(ctx, manifest, func(session *hub.Session) (connectors.Reading, error) {
		return connectors.Reading{}, door.ReadAgain(ctx, found, ready, session)
	})
	return answer(r, err)
}

// fitRows chooses the rows that the profile takes by now. They are read under their places in the list for lines: lines of several
// deliveries may be the same.
func fitRows(ctx context.Context, door *connectors.Door, found connectors.Found, rows []connectors.QuarantinedRow) (fit []connectors.QuarantinedRow, err error) {
	placed := slices.Clone(rows)
	for i := range placed {
		placed[i].Line = int64(i)
	}
	var fits fitting
	if err := door.ReadAgain(ctx, found, placed, &fits); err != nil {
		return nil, err
	}
	for _, place := range fits.lines {
		fit = append(fit, rows[place])
	}
	return fit, nil
}

// fitting notes the lines of rows that fit.
type fitting struct{ lines []int64 }

// Accept notes lines.
func (f *fitting) Accept(_ context.Context, records []schemas.Record) error {
	for i := range records {
		f.lines = append(f.lines, records[i].Line)
	}
	return nil
}

// Quarantine lets rows pass.
func (*fitting) Quarantine(context.Context, []schemas.Record) error { return nil }

// Discard lets rows fall.
func (m mending) Discard(ctx context.Context, agency, file string, rows []string, note, by string) (connectors.Receipt, error) {
	found, release, err := m.claim(agency, file)
	if err != nil {
		return connectors.Receipt{}, err
	}
	defer release()
	chosen, err := m.chosen(ctx, agency, file, rows)
	if err != nil {
		return connectors.Receipt{}, err
	}
	if len(chosen) == 0 {
		return connectors.Receipt{}, connectors.ErrUnknown
	}
	manifest := hub.Manifest{Agency: agency, File: file, Subject: found.Subject, Mode: hub.Discard, Keyed: found.Keyed(), By: by, Note: note}
	for _, row := range chosen {
		id, _ := schemas.ParseID(row.Row) // the hub's own
		manifest.Settles = append(manifest.Settles, id)
	}
	r, err := m.takeRows(ctx, manifest, func(*hub.Session) (connectors.Reading, error) { return connectors.Reading{}, nil })
	return answer(r, err)
}

// claim finds a file and keeps other roads off it.
func (m mending) claim(agency, file string) (connectors.Found, func(), error) {
	found, ok := connectors.Describe(m.agencies, file)
	if !ok || found.Agency != agency {
		return found, nil, connectors.ErrUnknown
	}
	release, ok := m.claims.Take(file)
	if !ok {
		return found, nil, connectors.ErrBusy
	}
	return found, release, nil
}

// takeRows delivers rows that the hub has already, and tells the judge.
func (m mending) takeRows(ctx context.Context, manifest hub.Manifest, read func(*hub.Session) (connectors.Reading, error)) (hub.Receipt, error) {
	return m.admit(ctx, manifest, func(ctx context.Context) (hub.Receipt, error) {
		session, err := m.intake.Begin(ctx, manifest)
		if err != nil {
			return hub.Receipt{}, err
		}
		if _, err := read(session); err != nil {
			session.Leave()
			return hub.Receipt{}, errors.Join(errors.New("read rows in quarantine"), err)
		}
		return session.Finish(ctx, hub.Ending{})
	})
}
