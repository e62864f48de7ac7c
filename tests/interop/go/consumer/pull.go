package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/awslabs/soci-snapshotter/fs/source"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	labels "github.com/containerd/containerd/v2/pkg/snapshotters"
	"github.com/containerd/platforms"
	"github.com/opencontainers/image-spec/identity"
)

// The names that containerd has for the two snapshotters: one mounts layers without unpacking
// them, the other unpacks.
const (
	lazy  = "soci"
	eager = "overlayfs"
)

// tree is a mounted image.
type tree struct {
	Directory string `json:"directory"`
	// Layers says of every layer, the lowest first, whether the snapshotter mounted it.
	Layers []layer `json:"layers"`
}

type layer struct {
	Digest  string `json:"digest"`
	Mounted bool   `json:"mounted"`
}

// puller pulls images as the program that a container host's user runs.
type puller struct {
	client      *containerd.Client
	credentials func(host string) (user, password string, err error)
	// isPlain says which registries are asked over plain HTTP.
	isPlain func(host string) (bool, error)
}

// pull pulls an image in a namespace of its own and mounts it read-only.
func (p *puller) pull(ctx context.Context, directory string, request request) (*tree, error) {
	ctx = namespaces.WithNamespace(ctx, filepath.Base(directory))
	platform, err := platforms.Parse(request.Platform)
	if err != nil {
		return nil, err
	}
	options := []containerd.RemoteOpt{
		containerd.WithPlatformMatcher(platforms.OnlyStrict(platform)),
		containerd.WithResolver(docker.NewResolver(docker.ResolverOptions{
			Hosts: docker.ConfigureDefaultRegistries(
				docker.WithPlainHTTP(p.isPlain),
				docker.WithAuthorizer(docker.NewDockerAuthorizer(docker.WithAuthCreds(p.credentials))),
			),
		})),
		containerd.WithPullUnpack,
		containerd.WithPullSnapshotter(request.Snapshotter),
	}
	if request.Snapshotter == lazy {
		// The snapshotter learns from labels which layer of which image it is to mount.
		wrapper := labels.AppendInfoHandlerWrapper(request.Reference)
		options = append(options,
			containerd.WithImageHandlerWrapper(source.AppendDefaultLabelsHandlerWrapper("", wrapper)))
	}
	image, err := p.client.Pull(ctx, request.Reference, options...)
	if err != nil {
		return nil, fmt.Errorf("pull: %w", err)
	}
	config, err := containerd.NewImageWithPlatform(p.client, image.Metadata(), platforms.OnlyStrict(platform)).Spec(ctx)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	snapshotter := p.client.SnapshotService(request.Snapshotter)
	result := &tree{Directory: directory}
	diffs := config.RootFS.DiffIDs
	for depth := range diffs {
		info, err := snapshotter.Stat(ctx, identity.ChainID(diffs[:depth+1]).String())
		if err != nil {
			return nil, fmt.Errorf("snapshot of layer %d: %w", depth, err)
		}
		_, mounted := info.Labels["containerd.io/snapshot/remote"]
		result.Layers = append(result.Layers, layer{
			Digest:  info.Labels[labels.TargetLayerDigestLabel],
			Mounted: mounted,
		})
	}
	mounts, err := snapshotter.View(ctx, "view", identity.ChainID(diffs).String())
	if err != nil {
		return nil, fmt.Errorf("view: %w", err)
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, err
	}
	if err := mount.All(mounts, directory); err != nil {
		return nil, fmt.Errorf("mount: %w", err)
	}
	return result, nil
}
