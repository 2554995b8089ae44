package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"golang.org/x/mod/sumdb"
)

func init() {
	functions["lookUp"] = lookUp
}

// lookUp asks a database with the client of the go command: at this URL, with this key, from this signed head on ("" for
// none). Its answer has the lines of each version of the list, or what the client said of it, and the head in the end.
func lookUp(args []json.RawMessage) (any, error) {
	ops := &clientOps{url: arg[string](args, 0), key: arg[string](args, 1), latest: []byte(arg[string](args, 2))}
	client := sumdb.NewClient(ops)
	answers := [][]string{}
	for _, version := range arg[[][2]string](args, 3) {
		lines := []string{}
		for _, suffix := range []string{"", "/go.mod"} {
			found, err := client.Lookup(version[0], version[1]+suffix)
			if err != nil {
				found = []string{"error: " + err.Error()}
			}
			lines = append(lines, found...)
		}
		answers = append(answers, lines)
	}
	return map[string]any{"lines": answers, "latest": string(ops.latest), "security": ops.security}, nil
}

// clientOps are those of a go command that has nothing cached.
type clientOps struct {
	url, key string
	mu       sync.Mutex
	latest   []byte
	security string
}

func (c *clientOps) ReadRemote(path string) ([]byte, error) {
	reply, err := http.Get(c.url + path)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("reading %s: %s", path, reply.Status)
	}
	return io.ReadAll(reply.Body)
}

func (c *clientOps) ReadConfig(file string) ([]byte, error) {
	if file == "key" {
		return []byte(c.key), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.latest, nil
}

func (c *clientOps) WriteConfig(_ string, old, new []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if string(old) != string(c.latest) {
		return sumdb.ErrWriteConflict
	}
	c.latest = new
	return nil
}

func (c *clientOps) ReadCache(string) ([]byte, error) { return nil, os.ErrNotExist }
func (c *clientOps) WriteCache(string, []byte)        {}
func (c *clientOps) Log(string)                       {}
func (c *clientOps) SecurityError(msg string)         { c.security = msg }
