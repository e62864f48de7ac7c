package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	tool "github.com/google/go-containerregistry/pkg/crane"
)

type crane struct{}

func (crane) digest(ctx context.Context, reference string) (string, error) {
	return tool.Digest(reference, tool.WithContext(ctx))
}

func (crane) copy(ctx context.Context, from, to string) error {
	return tool.Copy(from, to, tool.WithContext(ctx))
}

// validate reads an image index with all manifests and layers that it lists. What they say of
// themselves is checked for images; of other artifacts, as SOCI indexes are, there is nothing to
// check but the digests.
func (crane) validate(ctx context.Context, reference string) error {
	parsed, err := name.ParseReference(reference)
	if err != nil {
		return err
	}
	index, err := remote.Index(parsed, options(ctx)...)
	if err != nil {
		return err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, descriptor := range manifest.Manifests {
		image, err := index.Image(descriptor.Digest)
		if err != nil {
			return err
		}
		if descriptor.ArtifactType == "" {
			err = validate.Image(image)
		} else {
			err = readLayers(image)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", descriptor.Digest, err)
		}
	}
	return nil
}

// readLayers reads every layer to its end, where its digest is compared.
func readLayers(image v1.Image) error {
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		content, err := layer.Compressed()
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, content)
		if err := errors.Join(err, content.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (c crane) referrers(ctx context.Context, reference string) ([]referrer, error) {
	parsed, err := name.ParseReference(reference)
	if err != nil {
		return nil, err
	}
	digest, err := c.digest(ctx, reference)
	if err != nil {
		return nil, err
	}
	index, err := remote.Referrers(parsed.Context().Digest(digest), options(ctx)...)
	if err != nil {
		return nil, err
	}
	var manifest *v1.IndexManifest
	if manifest, err = index.IndexManifest(); err != nil {
		return nil, err
	}
	var found []referrer
	for _, descriptor := range manifest.Manifests {
		found = append(found, referrer{descriptor.Digest.String(), descriptor.ArtifactType})
	}
	return found, nil
}

func options(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
}
