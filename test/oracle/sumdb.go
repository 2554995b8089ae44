package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func init() {
	functions["verifierKey"] = verifierKey
	functions["signerKey"] = signerKey
	functions["generateKey"] = generateKey
	functions["openNote"] = openNote
	functions["signNote"] = signNote
	functions["parseRecord"] = parseRecord
	functions["formatRecord"] = formatRecord
	functions["parseTree"] = parseTree
	functions["storedHashIndex"] = storedHashIndex
	functions["splitStoredHashIndex"] = splitStoredHashIndex
	functions["storedHashes"] = storedHashes
	functions["treeHash"] = treeHash
	functions["proveRecord"] = proveRecord
	functions["proveTree"] = proveTree
	functions["checkRecord"] = checkRecord
	functions["checkTree"] = checkTree
	functions["parseTilePath"] = parseTilePath
	functions["formatTilePath"] = formatTilePath
	functions["tileForIndex"] = tileForIndex
	functions["newTiles"] = newTiles
	functions["tilePlan"] = tilePlan
	functions["readTileHashes"] = readTileHashes
}

func verifierKey(args []json.RawMessage) (any, error) {
	v, err := note.NewVerifier(arg[string](args, 0))
	if err != nil {
		return nil, err
	}
	return []any{v.Name(), v.KeyHash()}, nil
}

func signerKey(args []json.RawMessage) (any, error) {
	s, err := note.NewSigner(arg[string](args, 0))
	if err != nil {
		return nil, err
	}
	return []any{s.Name(), s.KeyHash()}, nil
}

func generateKey(args []json.RawMessage) (any, error) {
	skey, vkey, err := note.GenerateKey(bytes.NewReader(arg[[]byte](args, 1)), arg[string](args, 0))
	if err != nil {
		return nil, err
	}
	return []string{skey, vkey}, nil
}

// openNote takes the bytes of a message and the known keys; it answers the text and the names of who signed.
func openNote(args []json.RawMessage) (any, error) {
	var verifiers []note.Verifier
	for _, key := range arg[[]string](args, 1) {
		v, err := note.NewVerifier(key)
		if err != nil {
			fail(err)
		}
		verifiers = append(verifiers, v)
	}
	n, err := note.Open(arg[[]byte](args, 0), note.VerifierList(verifiers...))
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, sig := range n.Sigs {
		names = append(names, sig.Name)
	}
	return []any{n.Text, names}, nil
}

func signNote(args []json.RawMessage) (any, error) {
	var signers []note.Signer
	for _, key := range arg[[]string](args, 1) {
		s, err := note.NewSigner(key)
		if err != nil {
			fail(err)
		}
		signers = append(signers, s)
	}
	return note.Sign(&note.Note{Text: arg[string](args, 0)}, signers...)
}

func parseRecord(args []json.RawMessage) (any, error) {
	id, text, rest, err := tlog.ParseRecord(arg[[]byte](args, 0))
	if err != nil {
		return nil, err
	}
	return []any{id, text, rest}, nil
}

func formatRecord(args []json.RawMessage) (any, error) {
	return tlog.FormatRecord(arg[int64](args, 0), arg[[]byte](args, 1))
}

// parseTree answers size and hash, and the text that is written for them.
func parseTree(args []json.RawMessage) (any, error) {
	tree, err := tlog.ParseTree([]byte(arg[string](args, 0)))
	if err != nil {
		return nil, err
	}
	return []any{tree.N, tree.Hash, string(tlog.FormatTree(tree))}, nil
}

func storedHashIndex(args []json.RawMessage) (any, error) {
	return tlog.StoredHashIndex(arg[int](args, 0), arg[int64](args, 1)), nil
}

func splitStoredHashIndex(args []json.RawMessage) (any, error) {
	level, n := tlog.SplitStoredHashIndex(arg[int64](args, 0))
	return []int64{int64(level), n}, nil
}

// dreamtHashes are those of a log of any size that nobody has: each follows from its index.
var dreamtHashes = tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hashes[i] = sha256.Sum256(fmt.Appendf(nil, "hash %d", index))
	}
	return hashes, nil
})

func storedHashes(args []json.RawMessage) (any, error) {
	n := arg[int64](args, 0)
	return tlog.StoredHashes(n, recordText(n), dreamtHashes)
}

func treeHash(args []json.RawMessage) (any, error) {
	return tlog.TreeHash(arg[int64](args, 0), dreamtHashes)
}

func proveRecord(args []json.RawMessage) (any, error) {
	return tlog.ProveRecord(arg[int64](args, 0), arg[int64](args, 1), dreamtHashes)
}

func proveTree(args []json.RawMessage) (any, error) {
	return tlog.ProveTree(arg[int64](args, 0), arg[int64](args, 1), dreamtHashes)
}

func checkRecord(args []json.RawMessage) (any, error) {
	return true, tlog.CheckRecord(arg[[]tlog.Hash](args, 0), arg[int64](args, 1), arg[tlog.Hash](args, 2), arg[int64](args, 3), arg[tlog.Hash](args, 4))
}

func checkTree(args []json.RawMessage) (any, error) {
	return true, tlog.CheckTree(arg[[]tlog.Hash](args, 0), arg[int64](args, 1), arg[tlog.Hash](args, 2), arg[int64](args, 3), arg[tlog.Hash](args, 4))
}

func parseTilePath(args []json.RawMessage) (any, error) {
	t, err := tlog.ParseTilePath(arg[string](args, 0))
	if err != nil {
		return nil, err
	}
	return tileFields(t), nil
}

func formatTilePath(args []json.RawMessage) (any, error) {
	f := arg[[4]int64](args, 0)
	return tlog.Tile{H: int(f[0]), L: int(f[1]), N: f[2], W: int(f[3])}.Path(), nil
}

func tileForIndex(args []json.RawMessage) (any, error) {
	return tileFields(tlog.TileForIndex(arg[int](args, 0), arg[int64](args, 1))), nil
}

func newTiles(args []json.RawMessage) (any, error) {
	return paths(tlog.NewTiles(arg[int](args, 0), arg[int64](args, 1), arg[int64](args, 2))), nil
}

func tileFields(t tlog.Tile) [4]int64 {
	return [4]int64{int64(t.H), int64(t.L), t.N, int64(t.W)}
}

func paths(tiles []tlog.Tile) []string {
	list := []string{}
	for _, t := range tiles {
		list = append(list, t.Path())
	}
	return list
}

// tilePlan answers which tiles are read for some hashes of a tree, whatever it holds.
func tilePlan(args []json.RawMessage) (any, error) {
	plan := &tileReader{height: arg[int](args, 0)}
	tree := tlog.Tree{N: arg[int64](args, 1)}
	_, err := tlog.TileHashReader(tree, plan).ReadHashes(arg[[]int64](args, 2))
	if plan.asked == nil {
		return nil, err
	}
	return paths(plan.asked), nil
}

// readTileHashes reads hashes of the real log out of tiles, some of whose bytes were changed: pairs of a tile's place in
// the plan and of a byte in it.
func readTileHashes(args []json.RawMessage) (any, error) {
	size := arg[int64](args, 1)
	hash, err := tlog.TreeHash(size, realHashes)
	if err != nil {
		return nil, err
	}
	reader := &tileReader{height: arg[int](args, 0), source: realHashes, forged: arg[[][2]int](args, 3)}
	return tlog.TileHashReader(tlog.Tree{N: size, Hash: hash}, reader).ReadHashes(arg[[]int64](args, 2))
}

type tileReader struct {
	height int
	source tlog.HashReader
	forged [][2]int
	asked  []tlog.Tile
}

func (r *tileReader) Height() int                             { return r.height }
func (r *tileReader) SaveTiles(tiles []tlog.Tile, _ [][]byte) {}

func (r *tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	r.asked = tiles
	if r.source == nil {
		return nil, errors.New("only the plan was wanted")
	}
	data := make([][]byte, len(tiles))
	for i, t := range tiles {
		var err error
		if data[i], err = tlog.ReadTileData(t, r.source); err != nil {
			fail(err)
		}
	}
	for _, place := range r.forged {
		tile := data[place[0]%len(data)]
		tile[place[1]%len(tile)] ^= 1
	}
	return data, nil
}

// realHashes are those of a log whose records are numbered lines.
var realHashes = func() tlog.HashReader {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			hashes[i] = stored[index]
		}
		return hashes, nil
	})
	for n := range int64(1000) {
		hashes, err := tlog.StoredHashes(n, recordText(n), reader)
		if err != nil {
			fail(err)
		}
		stored = append(stored, hashes...)
	}
	return reader
}()

func recordText(n int64) []byte {
	return fmt.Appendf(nil, "record %d\n", n)
}
