// Package main does to an image in a registry what an index generator made of the reference
// implementation does: it pulls the image into a folder, builds its SOCI indexes (V2) there, and pushes
// the SOCI-enabled image.
//
//	generator HOST/REPOSITORY TAG NEW-TAG
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/awslabs/soci-snapshotter/soci"
	"github.com/awslabs/soci-snapshotter/soci/store"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/registry/remote"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, arguments []string) error {
	if len(arguments) != 3 {
		return errors.New("usage: generator HOST/REPOSITORY TAG NEW-TAG")
	}
	repository, err := remote.NewRepository(arguments[0])
	if err != nil {
		return err
	}
	repository.PlainHTTP = true
	directory, err := os.MkdirTemp("", "generator-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	return convert(ctx, repository, directory, arguments[1], arguments[2])
}

func convert(ctx context.Context, repository *remote.Repository, directory, tag, newTag string) error {
	// Two views of one folder: the library reads layers from containerd's, and writes to its own.
	blobs, err := store.NewSociStore(directory)
	if err != nil {
		return err
	}
	content, err := local.NewStore(directory)
	if err != nil {
		return err
	}
	target, err := oras.Copy(ctx, repository, tag, blobs, tag, oras.DefaultCopyOptions)
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	database, err := soci.NewDB(filepath.Join(directory, "artifacts.db"))
	if err != nil {
		return err
	}
	builder, err := soci.NewIndexBuilder(content, blobs, soci.WithArtifactsDb(database))
	if err != nil {
		return err
	}
	image, err := builder.Convert(ctx, images.Image{Name: repository.Reference.String(), Target: target})
	if err != nil {
		return fmt.Errorf("convert: %w", err)
	}
	if err := oras.CopyGraph(ctx, blobs, repository, *image, oras.DefaultCopyGraphOptions); err != nil {
		return fmt.Errorf("push: %w", err)
	}
	if err := repository.Tag(ctx, *image, newTag); err != nil {
		return fmt.Errorf("tag: %w", err)
	}
	return nil
}
