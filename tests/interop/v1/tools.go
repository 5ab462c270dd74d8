//go:build tools

package main

// The command of a stock node, which the tests build and run.
import _ "github.com/cometbft/cometbft/cmd/cometbft"
