package schemas

import (
	"crypto/sha256"
	"testing"

	"pgregory.net/rapid"
)

// The form of IDs is part of every data folder.
func TestKeyedID(t *testing.T) {
	scope := Scope("staffing", "staffing/slots.csv")
	key, content := []byte("S-0001"), []byte("a row")
	first := sha256.Sum256(append(append(scope[:16:16], 1), key...))
	second := sha256.Sum256(append(append(scope[:16:16], 2), content...))
	id := KeyedID(scope, key, content)
	if [10]byte(id[:10]) != [10]byte(first[:10]) || [6]byte(id[10:]) != [6]byte(second[:6]) {
		t.Errorf("the ID is %s, want %x%x", id, first[:10], second[:6])
	}
	if id.RowKey() != [10]byte(first[:10]) {
		t.Errorf("its row key is %x, want %x", id.RowKey(), first[:10])
	}
	if n := testing.AllocsPerRun(100, func() { KeyedID(scope, key, content) }); n != 0 {
		t.Errorf("making it takes memory %v times", n)
	}
}

// Key and content each speak in their own half, and a scope in both.
func TestKeyedIDLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.Byte(), 0, 40)
		a, b := text.Draw(t, "key"), text.Draw(t, "other key")
		c, d := text.Draw(t, "content"), text.Draw(t, "other content")
		one, other := Scope("staffing", "f"), Scope("staffing", "g")
		x, y := KeyedID(one, a, c), KeyedID(one, b, d)
		if (x.RowKey() == y.RowKey()) != (string(a) == string(b)) {
			t.Errorf("keys %q and %q gave %s and %s", a, b, x, y)
		}
		if ([6]byte(x[10:]) == [6]byte(y[10:])) != (string(c) == string(d)) {
			t.Errorf("contents %q and %q gave %s and %s", c, d, x, y)
		}
		if z := KeyedID(other, a, c); z.RowKey() == x.RowKey() || [6]byte(z[10:]) == [6]byte(x[10:]) {
			t.Errorf("in two files the ID is %s and %s", x, z)
		}
	})
}
