package main

import (
	"encoding/json"
	"strings"

	"golang.org/x/mod/modfile"
)

type parsedFile struct {
	Module     string        `json:"module"`
	Deprecated string        `json:"deprecated"`
	Go         string        `json:"go"`
	Toolchain  string        `json:"toolchain"`
	Require    []requirement `json:"require"`
	Replace    []replacement `json:"replace"`
	Exclude    []version     `json:"exclude"`
	Retract    []retraction  `json:"retract"`
}

type version struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

type requirement struct {
	version
	Indirect bool `json:"indirect"`
}

type replacement struct {
	Old version `json:"old"`
	New version `json:"new"`
}

type retraction struct {
	Low       string `json:"low"`
	High      string `json:"high"`
	Rationale string `json:"rationale"`
}

// parseModFile is ParseLax; the directives that it passes over (toolchain, replace, exclude) are each parsed alone by
// the strict parser, and passed over only where that refuses them.
func parseModFile(args []json.RawMessage) (any, error) {
	file, err := modfile.ParseLax("go.mod", []byte(arg[string](args, 0)), nil)
	if err != nil {
		return nil, err
	}
	parsed := parsedFile{
		Require: []requirement{}, Replace: []replacement{}, Exclude: []version{}, Retract: []retraction{},
	}
	if file.Module != nil {
		parsed.Module = file.Module.Mod.Path
		parsed.Deprecated = file.Module.Deprecated
	}
	if file.Go != nil {
		parsed.Go = file.Go.Version
	}
	for _, r := range file.Require {
		parsed.Require = append(parsed.Require, requirement{version(r.Mod), r.Indirect})
	}
	for _, r := range file.Retract {
		parsed.Retract = append(parsed.Retract, retraction{r.Low, r.High, r.Rationale})
	}
	for _, statement := range file.Syntax.Stmt {
		switch statement := statement.(type) {
		case *modfile.Line:
			parsed.addLine(statement.Token[0], statement.Token[1:])
		case *modfile.LineBlock:
			if len(statement.Token) == 1 && statement.Token[0] != "toolchain" {
				for _, line := range statement.Line {
					parsed.addLine(statement.Token[0], line.Token)
				}
			}
		}
	}
	return parsed, nil
}

func (parsed *parsedFile) addLine(verb string, args []string) {
	switch verb {
	case "toolchain", "replace", "exclude":
	default:
		return
	}
	file, err := modfile.Parse("go.mod", []byte(verb+" "+strings.Join(args, " ")+"\n"), nil)
	if err != nil {
		return
	}
	if file.Toolchain != nil && parsed.Toolchain == "" {
		parsed.Toolchain = file.Toolchain.Name
	}
	for _, e := range file.Exclude {
		parsed.Exclude = append(parsed.Exclude, version(e.Mod))
	}
	for _, r := range file.Replace {
		parsed.Replace = append(parsed.Replace, replacement{version(r.Old), version(r.New)})
	}
}

func modulePath(args []json.RawMessage) (any, error) {
	return modfile.ModulePath([]byte(arg[string](args, 0))), nil
}
