package main

import (
	"encoding/json"
	"os"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"
)

// checkZip takes a module path, a version and the bytes of a zip. Its answer has the h1 hash, or why there is none,
// and what zip.CheckZip has against the zip.
func checkZip(args []json.RawMessage) (any, error) {
	file, err := os.CreateTemp("", "oracle-*.zip")
	if err != nil {
		fail(err)
	}
	defer os.Remove(file.Name())
	if _, err := file.Write(arg[[]byte](args, 2)); err != nil {
		fail(err)
	}
	if err := file.Close(); err != nil {
		fail(err)
	}
	answer := map[string]string{"h1": "", "hashError": "", "checkError": ""}
	m := module.Version{Path: arg[string](args, 0), Version: arg[string](args, 1)}
	if _, err := zip.CheckZip(m, file.Name()); err != nil {
		answer["checkError"] = err.Error()
	}
	h1, err := dirhash.HashZip(file.Name(), dirhash.Hash1)
	if err != nil {
		answer["hashError"] = err.Error()
	}
	answer["h1"] = h1
	return answer, nil
}
