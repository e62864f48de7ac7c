// Package main builds zTOCs with the reference implementation.
//
// It reads requests from standard input and writes an answer to each to standard output, one JSON
// document a line.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"time"

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

// answer says why there is no zTOC in the output, or how long building it took.
type answer struct {
	Error       string `json:"error,omitempty"`
	Nanoseconds int64  `json:"nanoseconds"`
}

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func serve(reader io.Reader, writer io.Writer) error {
	input, output := bufio.NewScanner(reader), json.NewEncoder(writer)
	for input.Scan() {
		var asked request
		if err := json.Unmarshal(input.Bytes(), &asked); err != nil {
			return fmt.Errorf("request: %w", err)
		}
		var result answer
		start := time.Now()
		if err := build(asked); err != nil {
			result.Error = err.Error()
		}
		result.Nanoseconds = time.Since(start).Nanoseconds()
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
