package rest

import (
	"time"

	"hebian/connectors/outside"
)

// Read reads an answer.
func Read(c Config, a *outside.Answer) (rows [][]byte, next string, err error) {
	c = c.filled()
	p, err := c.read(a)
	if err != nil {
		return nil, "", err
	}
	return p.rows, p.next, nil
}

// Asked gives the value of since for a time that was reached, and how a row's value is read.
func Asked(s Since, reached time.Time) (param string, from time.Time, err error) {
	c, err := (Config{Since: s}).filled().Since.clock()
	if err != nil {
		return "", time.Time{}, err
	}
	param, from = c.ask(reached)
	return param, from, nil
}

// Dated reads when a row changed.
func Dated(s Since, row []byte) (time.Time, bool) {
	c, _ := (Config{Since: s}).filled().Since.clock()
	return c.dater()(row)
}

var LinkNext = linkNext

const (
	MaxSeen   = maxSeen
	BlindRows = blindRows
	MostEmpty = mostEmpty
)
