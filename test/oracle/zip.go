package main

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

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

// treeFile is an entry of a repository's archive. One of another kind than "file" or "link" is the place of a submodule.
type treeFile struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Content []byte `json:"content"`
	// Declared is the size that the archive tells, where it is not that of the content.
	Declared *int64 `json:"declared"`
}

func (f treeFile) Path() string                 { return f.Name }
func (f treeFile) Lstat() (fs.FileInfo, error)  { return treeFileInfo{f}, nil }
func (f treeFile) Open() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(f.Content)), nil }

type treeFileInfo struct{ f treeFile }

func (i treeFileInfo) Name() string { return path.Base(i.f.Name) }
func (i treeFileInfo) Size() int64 {
	if i.f.Declared != nil {
		return *i.f.Declared
	}
	return int64(len(i.f.Content))
}
func (i treeFileInfo) Mode() fs.FileMode {
	if i.f.Kind == "link" {
		return fs.ModeSymlink | 0777
	}
	return 0644
}
func (i treeFileInfo) ModTime() time.Time { return time.Time{} }
func (i treeFileInfo) IsDir() bool        { return false }
func (i treeFileInfo) Sys() any           { return nil }

// createZip takes a module path, a version, the entries of an archive, the module's folder in it, and the LICENSE of the
// root or null. It lists the files as Zip of cmd/go/internal/modfetch/coderepo.go does. Its answer has what
// zip.CheckFiles says to them, and the h1 hash of what zip.Create makes of them, or why it makes nothing.
func createZip(args []json.RawMessage) (any, error) {
	m := module.Version{Path: arg[string](args, 0), Version: arg[string](args, 1)}
	prefix := arg[string](args, 3)
	if prefix != "" {
		prefix += "/"
	}
	licence := arg[*[]byte](args, 4)
	files := []zip.File{}
	haveLicence := false
	for _, file := range arg[[]treeFile](args, 2) {
		name, found := strings.CutPrefix(file.Name, prefix)
		if !found || file.Kind != "file" && file.Kind != "link" {
			continue
		}
		file.Name = name
		files = append(files, file)
		haveLicence = haveLicence || name == "LICENSE"
	}
	if !haveLicence && prefix != "" && licence != nil {
		files = append(files, treeFile{Name: "LICENSE", Kind: "file", Content: *licence})
	}
	answer := map[string]any{"h1": "", "createError": "", "sizeError": ""}
	checked, _ := zip.CheckFiles(files)
	invalid := [][2]string{}
	for _, e := range checked.Invalid {
		invalid = append(invalid, [2]string{e.Path, e.Err.Error()})
	}
	answer["valid"], answer["invalid"] = append([]string{}, checked.Valid...), invalid
	if checked.SizeError != nil {
		answer["sizeError"] = checked.SizeError.Error()
	}
	made, err := os.CreateTemp("", "oracle-*.zip")
	if err != nil {
		fail(err)
	}
	defer os.Remove(made.Name())
	if err := zip.Create(made, m, files); err != nil {
		answer["createError"] = err.Error()
	}
	if err := made.Close(); err != nil {
		fail(err)
	}
	if answer["createError"] == "" {
		h1, err := dirhash.HashZip(made.Name(), dirhash.Hash1)
		if err != nil {
			fail(err)
		}
		answer["h1"] = h1
	}
	return answer, nil
}
