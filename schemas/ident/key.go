package ident

import "log/slog"

// Key is a person key in eight bytes, for tables of millions. It holds the digits before the check
// digit as one decimal number: 17 of the 18-place form; of the form of 2017 eleven, the country's
// letters above them to base 26, and the highest bit. 0 is nobody.
type Key uint64

const form2017 Key = 1 << 63

// text is what a number lies in: a string, or the bytes of a record.
type text interface{ ~string | ~[]byte }

// Pack packs a person key. ok is false, and the key 0, for everything that PersonKey does not
// return, old numbers of 15 digits included. It allocates nothing.
func Pack[T text](personKey T) (k Key, ok bool) {
	switch len(personKey) {
	case 18:
		k, _ = read18(personKey)
	case 15:
		k, _ = read2017(personKey)
	}
	return k, k != 0
}

// AppendTo appends the person key; of 0, nothing.
func (k Key) AppendTo(b []byte) []byte {
	switch {
	case k == 0:
		return b
	case k.is2017():
		return k.append2017(b)
	}
	var s [18]byte
	sum, rest := uint64(0), k
	for i := 16; i >= 0; i-- {
		digit := byte(rest % 10)
		rest /= 10
		s[i] = '0' + digit
		sum += uint64(digit) << (16 - i)
	}
	s[17] = check18(sum)
	return append(b, s[:]...)
}

func (k Key) append2017(b []byte) []byte {
	var s [15]byte
	sum, rest := uint64(0), k&^form2017
	for i := 13; i >= 3; i-- {
		digit := byte(rest % 10)
		rest /= 10
		s[i] = '0' + digit
		sum += uint64(digit) * weight731(i)
	}
	for i := 2; i >= 0; i-- {
		letter := byte(rest % 26)
		rest /= 26
		s[i] = 'A' + letter
		sum += uint64(letter+10) * weight731(i)
	}
	s[14] = '0' + byte(sum%10)
	return append(b, s[:]...)
}

// String gives the person key back, in full. What a log takes is LogValue.
func (k Key) String() string {
	var room [18]byte
	return string(k.AppendTo(room[:0]))
}

// LogValue masks the number.
func (k Key) LogValue() slog.Value { return slog.StringValue(Mask(k.String())) }

// Birth gives the birth date. ok is false for 0 and for the form of 2017, which leaves the century
// open.
func (k Key) Birth() (year, month, day int, ok bool) {
	if k.is2017() {
		return 0, 0, 0, false
	}
	date := int(k / 1000 % 1e8)
	born := Day{date / 10000, date / 100 % 100, date % 100}
	return born.Year, born.Month, born.Day, born.exists()
}

// Short gives the citizen number of 15 places that is upgraded to this key, so that the two forms
// of one number are told apart from two numbers. It is empty where no old number can be: the form
// came to an end in the 20th century.
func (k Key) Short() string {
	rest, century := k%1e9, k/1e9%100
	if k.is2017() || century != centuryOf(rest%1000) {
		return ""
	}
	var s [15]byte
	number := k/1e11*1e9 + rest
	for i := 14; i >= 0; i-- {
		s[i] = '0' + byte(number%10)
		number /= 10
	}
	return string(s[:])
}

func (k Key) is2017() bool { return k&form2017 != 0 }

// province of the 18-place form: the first two places, in numbers of foreign residents, which
// begin with 9, the two after it.
func (k Key) province() int {
	if k >= 9e16 {
		return int(k / 1e14 % 100)
	}
	return int(k / 1e15)
}
