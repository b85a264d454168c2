package ident

// The private-use characters that GBK put into its cells FE50 to FEA0, in the order of the cells
// (trail byte 7F is never used): 80 characters that Unicode did not have in 1995 and has now.
const (
	firstPrivateUse = 0xE815 // cell FE50
	lastPrivateUse  = 0xE864 // cell FEA0
)

// privateUse gives each of the 80 cells its character of today. Two sources, one for each kind of
// cell:
//   - 66 cells got their character in GB 18030-2000 already: what any GB18030 decoder reads there,
//     FE9F (U+E863) = U+4DAE 䶮 among them.
//   - 14 cells were left at private use then, for want of a character: FE51 FE52 FE53 FE59 FE61
//     FE66 FE67 FE6C FE6D FE76 FE7E FE90 FE91 FEA0. Their characters came with Unicode 3.1 (the
//     six beyond U+FFFF) and Unicode 4.1 (U+9FB4 to U+9FBB).
//
// Nobody writes to it; a test derives it anew.
var privateUse = [...]rune{ // the first character and cell of each line beside it
	0x2E81, 0x20087, 0x20089, 0x200CC, 0x2E84, 0x3473, 0x3447, 0x2E88, // U+E815 FE50
	0x2E8B, 0x9FB4, 0x359E, 0x361A, 0x360E, 0x2E8C, 0x2E97, 0x396E, // U+E81D FE58
	0x3918, 0x9FB5, 0x39CF, 0x39DF, 0x3A73, 0x39D0, 0x9FB6, 0x9FB7, // U+E825 FE60
	0x3B4E, 0x3C6E, 0x3CE0, 0x2EA7, 0x215D7, 0x9FB8, 0x2EAA, 0x4056, // U+E82D FE68
	0x415F, 0x2EAE, 0x4337, 0x2EB3, 0x2EB6, 0x2EB7, 0x2298F, 0x43B1, // U+E835 FE70
	0x43AC, 0x2EBB, 0x43DD, 0x44D6, 0x4661, 0x464C, 0x9FB9, 0x4723, // U+E83D FE78
	0x4729, 0x477C, 0x478D, 0x2ECA, 0x4947, 0x497A, 0x497D, 0x4982, // U+E845 FE81
	0x4983, 0x4985, 0x4986, 0x499F, 0x499B, 0x49B7, 0x49B6, 0x9FBA, // U+E84D FE89
	0x241FE, 0x4CA3, 0x4C9F, 0x4CA0, 0x4CA1, 0x4C77, 0x4CA2, 0x4D13, // U+E855 FE91
	0x4D14, 0x4D15, 0x4D16, 0x4D17, 0x4D18, 0x4D19, 0x4DAE, 0x9FBB, // U+E85D FE99
}

// FromPrivateUse gives the real character of a private-use character U+E815 to U+E864. All others,
// the rest of the private use area too, are not known: ok is false and r comes back as it is.
func FromPrivateUse(r rune) (char rune, ok bool) {
	if r < firstPrivateUse || r > lastPrivateUse {
		return r, false
	}
	return privateUse[r-firstPrivateUse], true
}
