package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

func init() {
	functions["goImports"] = goImports
	functions["matchGoImport"] = matchGoImport
	functions["suffixRoot"] = suffixRoot
}

type goImport struct {
	Prefix string `json:"prefix"`
	VCS    string `json:"vcs"`
	URL    string `json:"url"`
	Subdir string `json:"subdir"`
}

// goImports reads a page as cmd/go/internal/vcs does with PreferMod; that package can't be imported. A page is told by its
// bytes, one a character. An error after a tag is none.
func goImports(args []json.RawMessage) (any, error) {
	var page []byte
	for _, r := range arg[string](args, 0) {
		page = append(page, byte(r))
	}
	decoder := xml.NewDecoder(strings.NewReader(string(page)))
	decoder.Strict = false
	decoder.CharsetReader = func(charset string, input io.Reader) (io.Reader, error) {
		if name := strings.ToLower(charset); name != "utf-8" && name != "ascii" {
			return nil, fmt.Errorf("charset %q", charset)
		}
		return input, nil
	}
	proxies, others := []goImport{}, []goImport{}
	for {
		token, err := decoder.RawToken()
		if err != nil {
			break
		}
		if end, ok := token.(xml.EndElement); ok && strings.EqualFold(end.Name.Local, "head") {
			break
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if strings.EqualFold(start.Name.Local, "body") {
			break
		}
		if !strings.EqualFold(start.Name.Local, "meta") || attribute(start, "name") != "go-import" {
			continue
		}
		fields := strings.Fields(attribute(start, "content"))
		if len(fields) != 3 && len(fields) != 4 {
			continue
		}
		fields = append(fields, "")
		found := goImport{fields[0], fields[1], fields[2], fields[3]}
		if found.VCS == "mod" {
			proxies = append(proxies, found)
		} else {
			others = append(others, found)
		}
	}
	others = slices.DeleteFunc(others, func(other goImport) bool {
		return slices.ContainsFunc(proxies, func(proxy goImport) bool { return proxy.Prefix == other.Prefix })
	})
	return append(proxies, others...), nil
}

func attribute(element xml.StartElement, name string) string {
	for _, attr := range element.Attr {
		if strings.EqualFold(attr.Name.Local, name) {
			return attr.Value
		}
	}
	return ""
}

// matchGoImport answers the tag for a path, in the same words as cmd/go/internal/vcs.
func matchGoImport(args []json.RawMessage) (any, error) {
	imports, path := arg[[]goImport](args, 0), arg[string](args, 1)
	match := -1
	for i, found := range imports {
		if !hasPathPrefix(path, found.Prefix) {
			continue
		}
		if match >= 0 {
			if imports[match].VCS == "mod" && found.VCS != "mod" {
				break
			}
			return nil, fmt.Errorf("multiple meta tags match import path %q", path)
		}
		match = i
	}
	if match < 0 {
		return nil, fmt.Errorf("no meta tag matches import path %q", path)
	}
	return imports[match], nil
}

// hasPathPrefix is that of cmd/internal/str.
func hasPathPrefix(s, prefix string) bool {
	if len(s) == len(prefix) {
		return s == prefix
	}
	if prefix == "" {
		return true
	}
	return strings.HasPrefix(s, prefix) && (strings.HasSuffix(prefix, "/") || s[len(prefix)] == '/')
}

// suffixPattern is the last one of vcsPaths, held to the beginning of the path.
var suffixPattern = regexp.MustCompile(
	`^(?P<root>(?P<repo>([a-z0-9.\-]+\.)+[a-z0-9.\-]+(:[0-9]+)?(/~?[\w.\-]+)+?)\.(?P<vcs>fossil|git|hg|svn))(/~?[\w.\-]+)*$`)

// suffixRoot answers root, repository and system of a path that names its system, or an error.
func suffixRoot(args []json.RawMessage) (any, error) {
	found := suffixPattern.FindStringSubmatch(arg[string](args, 0))
	if found == nil {
		return nil, errors.New("no match")
	}
	return []string{
		found[suffixPattern.SubexpIndex("root")],
		found[suffixPattern.SubexpIndex("repo")],
		found[suffixPattern.SubexpIndex("vcs")],
	}, nil
}
