// Package main runs the consumer of SOCI indexes as a container host runs it: containerd with its
// content store and the overlayfs snapshotter, and the SOCI snapshotter as a proxy plugin.
//
// It takes requests on standard input and answers on standard output, one JSON document a line;
// the log of both services goes to standard error. It ends with its standard input.
package main

import (
	"context"
	"flag"
	"log"
)

func main() {
	root := flag.String("root", "", "directory of everything this program writes; it must be empty")
	prefetch := flag.Bool("prefetch", false, "load the spans that prefetch artifacts list")
	flag.Parse()
	if err := run(context.Background(), *root, *prefetch); err != nil {
		log.Fatal(err)
	}
}
