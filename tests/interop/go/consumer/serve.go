package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/mount"
)

// request asks for an image to be pulled and mounted.
type request struct {
	Reference   string `json:"reference"`
	Platform    string `json:"platform"`
	Snapshotter string `json:"snapshotter"`
}

// answer is one line of standard output: a greeting, a mounted image or an error.
type answer struct {
	Ready bool   `json:"ready,omitempty"`
	Tree  *tree  `json:"tree,omitempty"`
	Error string `json:"error,omitempty"`
}

func run(ctx context.Context, asked settings) (err error) {
	root := asked.root
	if !filepath.IsAbs(root) {
		return fmt.Errorf("-root %q: want an absolute path", root)
	}
	sockets := struct{ containerd, snapshotter string }{
		filepath.Join(root, "containerd.sock"),
		filepath.Join(root, "snapshotter.sock"),
	}
	directory := filepath.Join(root, "snapshotter")
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	soci, err := startSnapshotter(ctx, directory, sockets.snapshotter, sockets.containerd, asked)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, soci.stop()) }()
	daemon, err := startContainerd(ctx, filepath.Join(root, "containerd"), sockets.containerd, sockets.snapshotter)
	if err != nil {
		return err
	}
	defer daemon.Stop()
	client, err := containerd.New(sockets.containerd)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	defer client.Close()
	return serve(ctx, &puller{client, asked.credentials, asked.isPlain}, filepath.Join(root, "trees"))
}

// serve answers requests until standard input ends; then it unmounts what they mounted.
func serve(ctx context.Context, puller *puller, trees string) (err error) {
	output := json.NewEncoder(os.Stdout)
	if err := output.Encode(answer{Ready: true}); err != nil {
		return err
	}
	input := bufio.NewScanner(os.Stdin)
	for number := 0; input.Scan(); number++ {
		directory := filepath.Join(trees, fmt.Sprint(number))
		var asked request
		var result answer
		if err := json.Unmarshal(input.Bytes(), &asked); err != nil {
			return fmt.Errorf("request: %w", err)
		}
		if result.Tree, err = puller.pull(ctx, directory, asked); err != nil {
			result.Error = err.Error()
		} else {
			defer func() { err = errors.Join(err, mount.UnmountAll(directory, 0)) }()
		}
		if err := output.Encode(result); err != nil {
			return err
		}
	}
	return input.Err()
}
