package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	"golang.org/x/mod/sumdb/dirhash"
)

// functions are the questions this oracle knows. A function without a value answers true.
var functions = map[string]func([]json.RawMessage) (any, error){
	"checkPath":        check(module.CheckPath),
	"checkImportPath":  check(module.CheckImportPath),
	"checkFilePath":    check(module.CheckFilePath),
	"escapePath":       convert(module.EscapePath),
	"unescapePath":     convert(module.UnescapePath),
	"escapeVersion":    convert(module.EscapeVersion),
	"unescapeVersion":  convert(module.UnescapeVersion),
	"splitPathVersion": splitPathVersion,
	"checkPathMajor":   checkPathMajor,
	"checkModule":      checkModule,
	"semver":           semverParts,
	"compareSemver":    compareSemver,
	"sortVersions":     sortVersions,
	"isPseudoVersion":  func(a []json.RawMessage) (any, error) { return module.IsPseudoVersion(arg[string](a, 0)), nil },
	"pseudoParts":      pseudoParts,
	"formatPseudo":     formatPseudo,
	"matchesPatterns":  matchesPatterns,
	"parseModFile":     parseModFile,
	"modulePath":       modulePath,
	"hash1":            hash1,
	"checkZip":         checkZip,
	"createZip":        createZip,
	"runes":            runes,
}

func check(f func(string) error) func([]json.RawMessage) (any, error) {
	return func(args []json.RawMessage) (any, error) {
		return true, f(arg[string](args, 0))
	}
}

func convert(f func(string) (string, error)) func([]json.RawMessage) (any, error) {
	return func(args []json.RawMessage) (any, error) {
		return f(arg[string](args, 0))
	}
}

func splitPathVersion(args []json.RawMessage) (any, error) {
	prefix, major, ok := module.SplitPathVersion(arg[string](args, 0))
	if !ok {
		return nil, errors.New("no valid version")
	}
	return map[string]string{"prefix": prefix, "major": major}, nil
}

func checkPathMajor(args []json.RawMessage) (any, error) {
	return true, module.CheckPathMajor(arg[string](args, 0), arg[string](args, 1))
}

// checkModule is module.Check with the canonical form, which every file of a version needs.
func checkModule(args []json.RawMessage) (any, error) {
	path, version := arg[string](args, 0), arg[string](args, 1)
	if module.CanonicalVersion(version) != version {
		return nil, errors.New("not canonical")
	}
	return true, module.Check(path, version)
}

func semverParts(args []json.RawMessage) (any, error) {
	v := arg[string](args, 0)
	return []any{
		semver.IsValid(v), semver.Canonical(v), semver.Major(v), semver.MajorMinor(v),
		semver.Prerelease(v), semver.Build(v), module.CanonicalVersion(v),
	}, nil
}

func compareSemver(args []json.RawMessage) (any, error) {
	return semver.Compare(arg[string](args, 0), arg[string](args, 1)), nil
}

func sortVersions(args []json.RawMessage) (any, error) {
	list := arg[[]string](args, 0)
	semver.Sort(list)
	return list, nil
}

func pseudoParts(args []json.RawMessage) (any, error) {
	v := arg[string](args, 0)
	base, err := module.PseudoVersionBase(v)
	if err != nil {
		return nil, err
	}
	t, err := module.PseudoVersionTime(v)
	if err != nil {
		return nil, err
	}
	revision, err := module.PseudoVersionRev(v)
	if err != nil {
		return nil, err
	}
	return map[string]any{"base": base, "unix": t.Unix(), "revision": revision}, nil
}

func formatPseudo(args []json.RawMessage) (any, error) {
	t := time.Unix(arg[int64](args, 2), 0)
	return module.PseudoVersion(arg[string](args, 0), arg[string](args, 1), t, arg[string](args, 3)), nil
}

func matchesPatterns(args []json.RawMessage) (any, error) {
	return module.MatchPrefixPatterns(arg[string](args, 0), arg[string](args, 1)), nil
}

// hash1 takes pairs of a name and a content; of two of one name, neither is asked for.
func hash1(args []json.RawMessage) (any, error) {
	contents := map[string][]byte{}
	var names []string
	for _, file := range arg[[][2]string](args, 0) {
		names = append(names, file[0])
		contents[file[0]] = []byte(file[1])
	}
	if len(contents) != len(names) {
		fail(fmt.Errorf("two files of one name in %q", names))
	}
	return dirhash.Hash1(names, func(name string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(contents[name])), nil
	})
}
