// Prints which values of a key file CometBFT loads, and with which id: tests/data/node-key-values.json.
package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/cometbft/cometbft/p2p"
)

const value = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg=="

func main() {
	type row struct {
		Value    string `json:"value"`
		Accepted bool   `json:"accepted"`
		ID       string `json:"id,omitempty"`
		Error    string `json:"error,omitempty"`
	}
	var rows []row
	directory, err := os.MkdirTemp("", "keyfiles")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(directory)
	path := filepath.Join(directory, "node_key.json")
	at := func(i int, s string) string { return value[:i] + s + value[i:] }
	wrapped := func(n int, s string) string {
		var b strings.Builder
		for i, c := range value {
			if i > 0 && i%n == 0 {
				b.WriteString(s)
			}
			b.WriteRune(c)
		}
		return b.String()
	}
	end := func(s string) string { return strings.TrimSuffix(value, "Gg==") + s }
	for _, v := range []string{
		value, value + `\n`, value + `\r\n`, `\n` + value, value + `\n\n\r\r`, wrapped(64, `\n`), wrapped(76, `\r\n`), wrapped(4, `\r`), wrapped(1, `\n`),
		value + `\u000a`, value + `\u000D`, at(6, `\u000A`), at(87, `\n`), at(86, `\r\n`), at(85, `\n`),
		strings.ReplaceAll(value, "/", `\/`), strings.ReplaceAll(value, "=", `\u003d`), strings.ReplaceAll(value, "G", `\u0047`),
		end("Gh=="), end("Gv=="), end("Gw=="), end("Gg="), end("Gg"), end("Gg==="), end("Gg===="), end("Gg==\\n="), end("Gg=\\n=\\n"), end("Gg==AAAA"), end("Gg==\\nAAAA"), end("G==="), end("GgA="),
		value + " ", " " + value, value + `\t`, at(10, " "), at(10, `\t`), at(10, `\f`), at(10, `\u0000`), at(10, `\u2028`), at(10, `\u00a0`), at(10, `\"`), at(10, `\\`), at(10, `\\n`),
		strings.ReplaceAll(value, "/", "_"), strings.ReplaceAll(value, "/", "-"), "", `\n`, "====", "=",
		at(10, `\ud800`), at(10, `\b`), value + "\u00e9",
	} {
		if err := os.WriteFile(path, []byte(`{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"`+v+`"}}`), 0o600); err != nil {
			panic(err)
		}
		r := row{Value: v}
		func() {
			defer func() {
				if p := recover(); p != nil {
					r.Error = "panic"
				}
			}()
			key, err := p2p.LoadNodeKey(path)
			if err != nil {
				r.Error = err.Error()
				return
			}
			r.Accepted, r.ID = true, string(key.ID())
		}()
		rows = append(rows, r)
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", " ")
	if err := out.Encode(rows); err != nil {
		panic(err)
	}
}
