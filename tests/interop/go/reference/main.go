// Package main builds zTOCs with the reference implementation.
//
// It reads requests from standard input and writes an answer to each to standard output, one JSON
// document a line. With arguments, it builds one and ends, so that its costs can be measured:
//
//	reference LAYER OUTPUT SPAN-SIZE
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"

	"github.com/awslabs/soci-snapshotter/ztoc"
)

// request is a layer blob in a file, and how to index it.
type request struct {
	Layer       string `json:"layer"`
	Output      string `json:"output"`
	SpanSize    int64  `json:"span_size"`
	BuildTool   string `json:"build_tool"`
	Compression string `json:"compression"`
}

// answer says why there is no zTOC in the output.
type answer struct {
	Error string `json:"error,omitempty"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(arguments []string) error {
	switch len(arguments) {
	case 0:
		return serve(os.Stdin, os.Stdout)
	case 3:
		size, err := strconv.ParseInt(arguments[2], 10, 64)
		if err != nil {
			return fmt.Errorf("span size: %w", err)
		}
		return build(request{
			Layer:       arguments[0],
			Output:      arguments[1],
			SpanSize:    size,
			BuildTool:   "AWS SOCI CLI v0.2",
			Compression: "gzip",
		})
	}
	return errors.New("usage: reference [LAYER OUTPUT SPAN-SIZE]")
}

func serve(reader io.Reader, writer io.Writer) error {
	input, output := bufio.NewScanner(reader), json.NewEncoder(writer)
	for input.Scan() {
		var asked request
		if err := json.Unmarshal(input.Bytes(), &asked); err != nil {
			return fmt.Errorf("request: %w", err)
		}
		var result answer
		if err := build(asked); err != nil {
			result.Error = err.Error()
		}
		if err := output.Encode(result); err != nil {
			return err
		}
	}
	return input.Err()
}

func build(asked request) error {
	built, err := ztoc.NewBuilder(asked.BuildTool).
		BuildZtoc(asked.Layer, asked.SpanSize, ztoc.WithCompression(asked.Compression))
	if err != nil {
		return err
	}
	reader, _, err := ztoc.Marshal(built)
	if err != nil {
		return err
	}
	file, err := os.Create(asked.Output)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, reader); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}
