package table

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"hebian/connectors"
)

// state is where a growing table stands. It goes into the position.
//
// Rows become visible when their transaction commits, not when it draws its number, so behind the highest row more may turn up. All
// rows below Floor that there will ever be were handed over: no transaction is open that could have drawn a lower number. Between
// Floor and High, those that a transaction before Horizon wrote were.
type state struct {
	By      string  `json:"by"`                // the columns that the values below are of
	High    []value `json:"high,omitempty"`    // the highest row handed over: the column that grows, then the key
	Floor   *value  `json:"floor,omitempty"`   // of the column that grows; nil: below every row
	Horizon int64   `json:"horizon,omitempty"` // PostgreSQL: the oldest transaction that was open before the last reading; 0: not known
	Mark    *mark   `json:"mark,omitempty"`    // where Floor goes next
}

// mark is a number that was reached, and which transactions were open then.
type mark struct {
	At   value    `json:"at"`
	Open []string `json:"open"`
}

// maxOpen bounds how many open transactions are noted. With more of them Floor stays for now.
const maxOpen = 2000

// value is text of a database, which need not be text.
type value string

// MarshalText writes what is no UTF-8 with escapes.
func (v value) MarshalText() ([]byte, error) {
	if utf8.ValidString(string(v)) && !strings.HasPrefix(string(v), `"`) {
		return []byte(v), nil
	}
	return []byte(strconv.QuoteToASCII(string(v))), nil
}

// UnmarshalText reads what MarshalText wrote.
func (v *value) UnmarshalText(written []byte) error {
	if !bytes.HasPrefix(written, []byte{'"'}) {
		*v = value(written)
		return nil
	}
	plain, err := strconv.Unquote(string(written))
	*v = value(plain)
	return err
}

// parseState reads a position of a table that is read by some columns.
func parseState(position, by string, columns int) (state, error) {
	s := state{By: by}
	if position == "" {
		return s, nil
	}
	d := json.NewDecoder(strings.NewReader(position))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("read position: %w", err)
	}
	if s.By != by {
		return s, unfit("the position is one of a table that is read by %s, not by %s; begin anew without one", s.By, by)
	}
	if len(s.High) != 0 && len(s.High) != columns || s.Horizon < 0 || d.More() {
		return s, errors.New("read position: it is none of this table")
	}
	return s, nil
}

// position writes the state.
func (s state) position() (string, error) {
	written, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	if len(written) > connectors.MaxPosition {
		return "", unfit("the position takes %d bytes, more than %d: keys are too long", len(written), connectors.MaxPosition)
	}
	return string(written), nil
}

// memory knows rows that were handed over lately, so that rows that are read again need not go over again. It forgets the older ones
// when it is full; what is forgotten goes over again, which changes nothing.
type memory struct{ newer, older map[fingerprint]struct{} }

type fingerprint [16]byte

// maxRemembered bounds each half of the memory: 100,000 rows take some 5 MB.
const maxRemembered = 100_000

func fingerprintOf(line []byte) fingerprint {
	sum := sha256.Sum256(line)
	return fingerprint(sum[:16])
}

func (m *memory) knows(f fingerprint) bool {
	if _, ok := m.newer[f]; ok {
		return true
	}
	_, ok := m.older[f]
	return ok
}

func (m *memory) keep(f fingerprint) {
	if m.newer == nil || len(m.newer) >= maxRemembered {
		m.newer, m.older = map[fingerprint]struct{}{}, m.newer
	}
	m.newer[f] = struct{}{}
}
