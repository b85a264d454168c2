package main

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"strings"

	"hebian/connectors/text"
	"hebian/schemas"
)

// book is a file as a simulated agency keeps it: rows as they lie, broken ones among them, in the agency's own
// encoding. Of what is in it the agency hands over what it can know on a day.
type book struct {
	name string   // at the hub, such as finance/payroll-202604.csv
	head string   // the header row with its end; empty where the form has none
	end  string   // of a row
	rows []string // without their ends
	days days
}

// days are the columns of a book in which days stand; 0, which none has, is for those that a book lacks.
type days struct {
	from   int // first day, or month, on which the agency can know of the row
	until  int // last column: the day that ends what the row says
	status int // of a unit, which ends with it
}

// effective leads in the day of a row of NDJSON.
const effective = `"effective":"`

func daysOf(name string) days {
	switch path.Base(name) {
	case "institutions.csv":
		return days{from: 7, until: 8, status: 6}
	case "slots.csv":
		return days{from: 9, until: 10}
	case "quotas.csv", "leader_posts.csv", "secondments.csv", "penalties.csv":
		return days{from: 4, until: 5}
	case "exemptions.csv", "absences.csv":
		return days{from: 3, until: 4}
	case "control_numbers.csv":
		return days{from: 2, until: 3}
	case "permits.csv":
		return days{from: 5}
	case "successions.csv", "insurance.csv":
		return days{from: 3}
	case "deaths.csv":
		return days{from: 2}
	}
	return days{}
}

// openBook reads a file of the simulated county.
func openBook(path, name string) (*book, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("open a simulated file: %w", err)
	}
	b := &book{name: name, end: "\n", days: daysOf(name)}
	if bytes.Contains(content, []byte("\r\n")) {
		b.end = "\r\n"
	}
	b.rows = strings.Split(strings.TrimSuffix(string(content), b.end), b.end)
	if !strings.HasSuffix(name, ".ndjson") {
		b.head, b.rows = b.rows[0]+b.end, b.rows[1:]
	}
	return b, nil
}

// month is the month that the book is of; 0: it is handed over anew every month.
func (b *book) month() schemas.Month {
	_, month, _ := strings.Cut(strings.TrimSuffix(path.Base(b.name), ".csv"), "-")
	m, _ := schemas.ParseMonth(month)
	return m
}

// on gives the rows as the agency knows them on a day, and their places in the book.
func (b *book) on(day schemas.Date) (rows []string, places []int) {
	for place, row := range b.rows {
		if row, known := b.days.on(row, day); known {
			rows, places = append(rows, row), append(places, place)
		}
	}
	return rows, places
}

// on gives a row as it is known on a day: not before its first day, and without an end that has not come. What
// can't be read stays as it is.
func (d days) on(row string, day schemas.Date) (known string, ok bool) {
	if _, rest, ok := strings.Cut(row, effective); ok {
		from, readable := parseStart(rest[:min(len(rest), len("2006-01-02"))])
		return row, !readable || from <= day
	}
	if d.from == 0 {
		return row, true
	}
	cells := strings.Split(row, ",")
	if d.from >= len(cells) {
		return row, true
	}
	if from, readable := parseStart(cells[d.from]); readable && from > day {
		return "", false
	}
	if d.until == 0 || d.until != len(cells)-1 {
		return row, true
	}
	if until, readable := schemas.ParseDate(cells[d.until]); readable && until > day {
		cells[d.until] = ""
		if d.status != 0 {
			cells[d.status] = "正常"
		}
		return strings.Join(cells, ","), true
	}
	return row, true
}

// parseStart reads a day, or the first one of a month.
func parseStart(s string) (schemas.Date, bool) {
	if month, ok := schemas.ParseMonth(s); ok {
		return month.First(), true
	}
	return schemas.ParseDate(s)
}

// file is the book's form with some rows in it.
func (b *book) file(rows []string) []byte {
	var out bytes.Buffer
	out.WriteString(b.head)
	for _, row := range rows {
		out.WriteString(row)
		out.WriteString(b.end)
	}
	return out.Bytes()
}

// cellsOf cuts a row of a payroll, whose amounts may be quoted.
func cellsOf(row string) []string {
	var cells []string
	for quoted, from, i := false, 0, 0; ; i++ {
		switch {
		case i == len(row):
			return append(cells, row[from:])
		case row[i] == '"':
			quoted = !quoted
		case row[i] == ',' && !quoted:
			cells, from = append(cells, row[from:i]), i+1
		}
	}
}

// fromGB18030 reads a cell of a file in GB18030; empty if it can't be read.
func fromGB18030(cell string) string {
	s, flaw := text.NewDecoder(text.GB18030).Decode([]byte(cell))
	if flaw != nil {
		return ""
	}
	return strings.Clone(s)
}
