package rules

import "fmt"

// Parameters are the limits that an office sets. Months count calendar months.
type Parameters struct {
	EntryGrace      int `json:"entry_grace" yaml:"entry_grace"`           // months that pay may run ahead of the slot once a permit is there
	ExitGrace       int `json:"exit_grace" yaml:"exit_grace"`             // months that pay may run on after the slot or the service ends
	TransferOverlap int `json:"transfer_overlap" yaml:"transfer_overlap"` // months that two units may both pay around a transfer
	NoPayMonths     int `json:"no_pay_months" yaml:"no_pay_months"`       // months in a row without pay that make a slot suspect
	SecondmentLimit int `json:"secondment_limit" yaml:"secondment_limit"` // months that a secondment may last
	AbsentLimit     int `json:"absent_limit" yaml:"absent_limit"`         // days that an unapproved stay away may last
}

// Defaults are the parameters where nobody set others.
func Defaults() Parameters {
	return Parameters{EntryGrace: 2, ExitGrace: 1, TransferOverlap: 1, NoPayMonths: 3, SecondmentLimit: 12, AbsentLimit: 15}
}

// maxParameter bounds every parameter: a thousand years of months, or three of days.
const maxParameter = 1200

// Check says what is wrong with the parameters.
func (p Parameters) Check() error {
	for _, v := range []struct {
		name        string
		value, from int
	}{
		{"entry_grace", p.EntryGrace, 0},
		{"exit_grace", p.ExitGrace, 0},
		{"transfer_overlap", p.TransferOverlap, 0},
		{"no_pay_months", p.NoPayMonths, 1},
		{"secondment_limit", p.SecondmentLimit, 0},
		{"absent_limit", p.AbsentLimit, 0},
	} {
		if v.value < v.from || v.value > maxParameter {
			return fmt.Errorf("parameter %s is %d, must be %d to %d", v.name, v.value, v.from, maxParameter)
		}
	}
	return nil
}
