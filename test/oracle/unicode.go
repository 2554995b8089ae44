package main

import (
	"encoding/json"
	"unicode"
)

// runes answers the Unicode tables of this Go: for every code point a byte of flags (1 letter, 2 printable, 4 space,
// 8 assigned), and the least of each code point's case-folding orbit where that is not itself.
func runes([]json.RawMessage) (any, error) {
	flags := make([]byte, unicode.MaxRune+1)
	folds := [][2]rune{}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.IsLetter(r) {
			flags[r] |= 1
		}
		if unicode.IsPrint(r) {
			flags[r] |= 2
		}
		if unicode.IsSpace(r) {
			flags[r] |= 4
		}
		if unicode.IsGraphic(r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) {
			flags[r] |= 8
		}
		least := r
		for s := unicode.SimpleFold(r); s != r; s = unicode.SimpleFold(s) {
			least = min(least, s)
		}
		if least != r {
			folds = append(folds, [2]rune{r, least})
		}
	}
	return map[string]any{"version": unicode.Version, "flags": flags, "folds": folds}, nil
}
