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

	"github.com/containerd/containerd/v2/core/remotes/docker"
)

// settings is the command line.
type settings struct {
	root     string
	prefetch bool
	tls      bool
	user     string
	password string
}

func main() {
	var asked settings
	flag.StringVar(&asked.root, "root", "", "directory of everything this program writes; it must be empty")
	flag.BoolVar(&asked.prefetch, "prefetch", false, "load the spans that prefetch artifacts list")
	flag.BoolVar(&asked.tls, "tls", false, "speak TLS to every registry, the loopback's too")
	flag.StringVar(&asked.user, "user", "", "account for every registry")
	flag.StringVar(&asked.password, "password", "", "its password")
	flag.Parse()
	if err := run(context.Background(), asked); err != nil {
		log.Fatal(err)
	}
}

// credentials of the one account, for any registry.
func (s settings) credentials(string) (string, string, error) {
	return s.user, s.password, nil
}

// isPlain is what hosts do by default, unless every registry speaks TLS.
func (s settings) isPlain(host string) (bool, error) {
	if s.tls {
		return false, nil
	}
	return docker.MatchLocalhost(host)
}
