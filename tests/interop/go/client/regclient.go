package main

import (
	"context"

	tool "github.com/regclient/regclient"
	"github.com/regclient/regclient/config"
	"github.com/regclient/regclient/types/ref"
)

type regclient struct {
	// tls: the registry speaks TLS.
	tls bool
}

func (r regclient) digest(ctx context.Context, reference string) (string, error) {
	client, image, err := r.find(reference)
	if err != nil {
		return "", err
	}
	defer client.Close(ctx, image)
	manifest, err := client.ManifestHead(ctx, image, tool.WithManifestRequireDigest())
	if err != nil {
		return "", err
	}
	return manifest.GetDescriptor().Digest.String(), nil
}

func (r regclient) copy(ctx context.Context, from, to string) error {
	client, source, err := r.find(from)
	if err != nil {
		return err
	}
	defer client.Close(ctx, source)
	target, err := ref.New(to)
	if err != nil {
		return err
	}
	defer client.Close(ctx, target)
	return client.ImageCopy(ctx, source, target)
}

func (r regclient) referrers(ctx context.Context, reference string) ([]referrer, error) {
	client, image, err := r.find(reference)
	if err != nil {
		return nil, err
	}
	defer client.Close(ctx, image)
	list, err := client.ReferrerList(ctx, image)
	if err != nil {
		return nil, err
	}
	var found []referrer
	for _, descriptor := range list.Descriptors {
		found = append(found, referrer{descriptor.Digest.String(), descriptor.ArtifactType})
	}
	return found, nil
}

// find returns an image on the loopback, and a client that knows Docker's logins.
func (r regclient) find(reference string) (*tool.RegClient, ref.Ref, error) {
	image, err := ref.New(reference)
	if err != nil {
		return nil, ref.Ref{}, err
	}
	host := config.Host{Name: image.Registry, TLS: config.TLSDisabled}
	if r.tls {
		host.TLS = config.TLSEnabled
	}
	return tool.New(tool.WithDockerCreds(), tool.WithConfigHost(host)), image, nil
}
