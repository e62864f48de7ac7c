// Package main works with images as the clients that people have do: go-containerregistry's
// (crane), ORAS's (oras) and regclient's (regctl). They take logins from Docker's configuration.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
)

// client is what each of them can do.
type client interface {
	// digest returns the digest of an image.
	digest(ctx context.Context, reference string) (string, error)
	// copy copies an image with all that it lists.
	copy(ctx context.Context, from, to string) error
	// referrers lists the manifests that refer to an image.
	referrers(ctx context.Context, reference string) ([]referrer, error)
}

type referrer struct {
	Digest       string `json:"digest"`
	ArtifactType string `json:"artifactType"`
}

var errUsage = errors.New("usage: client [-tls] crane|oras|regctl digest|referrers REFERENCE, client [-tls] crane|oras|regctl copy FROM TO, or client [-tls] crane validate REFERENCE")

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, arguments []string, output io.Writer) error {
	tls := len(arguments) > 0 && arguments[0] == "-tls"
	if tls {
		arguments = arguments[1:]
	}
	if len(arguments) < 3 {
		return errUsage
	}
	// crane tries TLS first, wherever a registry is.
	clients := map[string]client{"crane": crane{}, "oras": oras{tls}, "regctl": regclient{tls}}
	chosen, ok := clients[arguments[0]]
	if !ok {
		return errUsage
	}
	switch command, rest := arguments[1], arguments[2:]; {
	case command == "digest" && len(rest) == 1:
		digest, err := chosen.digest(ctx, rest[0])
		if err != nil {
			return err
		}
		fmt.Fprintln(output, digest)
		return nil
	case command == "referrers" && len(rest) == 1:
		found, err := chosen.referrers(ctx, rest[0])
		if err != nil {
			return err
		}
		return json.NewEncoder(output).Encode(found)
	case command == "validate" && len(rest) == 1 && arguments[0] == "crane":
		return crane{}.validate(ctx, rest[0])
	case command == "copy" && len(rest) == 2:
		return chosen.copy(ctx, rest[0], rest[1])
	}
	return errUsage
}

// split takes host/name:tag apart.
func split(reference string) (host, name, tag string, err error) {
	host, rest, ok := strings.Cut(reference, "/")
	if !ok {
		return "", "", "", fmt.Errorf("reference %q: no host", reference)
	}
	name, tag, ok = strings.Cut(rest, ":")
	if !ok {
		return "", "", "", fmt.Errorf("reference %q: no tag", reference)
	}
	return host, name, tag, nil
}
