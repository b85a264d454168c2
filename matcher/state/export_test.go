package state

import (
	"bytes"
	"encoding/binary"
)

// Seal makes a snapshot of its content, with checksums that are right.
func Seal(content []byte) []byte {
	var w bytes.Buffer
	to := newSealer(&w)
	to.bytes(string(content))
	_ = to.end() // a buffer takes all
	return w.Bytes()
}

// Unseal gives the content of a snapshot of one block.
func Unseal(snapshot []byte) []byte {
	return snapshot[blockHeader : blockHeader+binary.LittleEndian.Uint32(snapshot)]
}
