package main

import (
	"context"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	tool "oras.land/oras-go/v2"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/retry"
)

type oras struct {
	// tls: the registry speaks TLS.
	tls bool
}

func (o oras) digest(ctx context.Context, reference string) (string, error) {
	repository, tag, err := o.open(reference)
	if err != nil {
		return "", err
	}
	descriptor, err := repository.Resolve(ctx, tag)
	return descriptor.Digest.String(), err
}

func (o oras) copy(ctx context.Context, from, to string) error {
	source, tag, err := o.open(from)
	if err != nil {
		return err
	}
	target, newTag, err := o.open(to)
	if err != nil {
		return err
	}
	_, err = tool.Copy(ctx, source, tag, target, newTag, tool.DefaultCopyOptions)
	return err
}

func (o oras) referrers(ctx context.Context, reference string) ([]referrer, error) {
	repository, tag, err := o.open(reference)
	if err != nil {
		return nil, err
	}
	image, err := repository.Resolve(ctx, tag)
	if err != nil {
		return nil, err
	}
	var found []referrer
	err = repository.Referrers(ctx, image, "", func(page []ocispec.Descriptor) error {
		for _, descriptor := range page {
			found = append(found, referrer{descriptor.Digest.String(), descriptor.ArtifactType})
		}
		return nil
	})
	return found, err
}

// open returns the repository of a reference on the loopback, and the reference's tag.
func (o oras) open(reference string) (*remote.Repository, string, error) {
	host, name, tag, err := split(reference)
	if err != nil {
		return nil, "", err
	}
	repository, err := remote.NewRepository(host + "/" + name)
	if err != nil {
		return nil, "", err
	}
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return nil, "", err
	}
	repository.PlainHTTP = !o.tls
	repository.Client = &auth.Client{
		Client:     retry.DefaultClient,
		Cache:      auth.NewCache(),
		Credential: credentials.Credential(store),
	}
	return repository, tag, nil
}
