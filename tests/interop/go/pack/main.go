// Package main compresses standard input to standard output, as Go programs do it: `pack gzip`
// with the standard library, `pack zstd` with the library of the container tools.
package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/klauspost/compress/zstd"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(arguments []string) error {
	if len(arguments) != 1 {
		return fmt.Errorf("usage: pack gzip|zstd")
	}
	var writer io.WriteCloser
	var err error
	switch arguments[0] {
	case "gzip":
		writer = gzip.NewWriter(os.Stdout)
	case "zstd":
		writer, err = zstd.NewWriter(os.Stdout)
	default:
		err = fmt.Errorf("format %q: want gzip or zstd", arguments[0])
	}
	if err != nil {
		return err
	}
	if _, err := io.Copy(writer, os.Stdin); err != nil {
		return err
	}
	return writer.Close()
}
