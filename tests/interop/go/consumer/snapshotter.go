package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"

	"github.com/awslabs/soci-snapshotter/config"
	"github.com/awslabs/soci-snapshotter/fs"
	"github.com/awslabs/soci-snapshotter/metadata"
	"github.com/awslabs/soci-snapshotter/service"
	"github.com/awslabs/soci-snapshotter/service/resolver"
	"github.com/awslabs/soci-snapshotter/ztoc"
	api "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/v2/contrib/snapshotservice"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/reference"
	bolt "go.etcd.io/bbolt"
	"google.golang.org/grpc"
)

// snapshotter is a running SOCI snapshotter.
type snapshotter struct {
	snapshots.Snapshotter
	server   *grpc.Server
	metadata *bolt.DB
}

// startSnapshotter serves the SOCI snapshotter at the socket address. It reads the manifests of
// images from the containerd at the socket containerd.
func startSnapshotter(ctx context.Context, root, address, containerd string, asked settings) (*snapshotter, error) {
	settings := config.NewConfig()
	if settings == nil {
		return nil, errors.New("snapshotter: no default configuration")
	}
	settings.PullModes.SOCIv1.Enable = true
	settings.PullModes.SOCIv2.Enable = true
	settings.ContentStoreConfig.Type = config.SociContentStoreType
	settings.ContentStoreConfig.ContainerdAddress = containerd
	// Spans that nobody asked for would hide which requests a read makes.
	settings.BackgroundFetchConfig.Disable = true
	settings.PrefetchConfig.Enable = asked.prefetch
	settings.FSConfig.NoPrometheus = true

	database, err := bolt.Open(filepath.Join(root, "metadata.db"), 0o600, &bolt.Options{NoSync: true})
	if err != nil {
		return nil, fmt.Errorf("snapshotter: metadata: %w", err)
	}
	store := func(reader *io.SectionReader, toc ztoc.TOC, options ...metadata.Option) (metadata.Reader, error) {
		return metadata.NewReader(database, reader, toc, options...)
	}
	inner, err := service.NewSociSnapshotterService(ctx, root, &settings.ServiceConfig,
		service.WithFilesystemOptions(fs.WithMetadataStore(store)),
		service.WithCustomRegistryHosts(registries(ctx, &settings.ServiceConfig, asked)))
	if err != nil {
		database.Close()
		return nil, fmt.Errorf("snapshotter: %w", err)
	}
	listener, err := net.Listen("unix", address)
	if err != nil {
		inner.Close()
		database.Close()
		return nil, fmt.Errorf("snapshotter: %w", err)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(passNamespace))
	api.RegisterSnapshotsServer(server, snapshotservice.FromSnapshotter(inner))
	go server.Serve(listener)
	return &snapshotter{Snapshotter: inner, server: server, metadata: database}, nil
}

// stop unmounts every layer.
func (s *snapshotter) stop() error {
	s.server.Stop()
	return errors.Join(s.Snapshotter.Close(), s.metadata.Close())
}

// passNamespace lets calls that the snapshotter makes while it answers one be about the same
// namespace: it asks containerd for manifests.
func passNamespace(ctx context.Context, call any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if namespace, ok := namespaces.Namespace(ctx); ok {
		ctx = namespaces.WithNamespace(ctx, namespace)
	}
	return handle(ctx, call)
}

// registries finds registries as the snapshotter does by itself. It speaks plain HTTP to the loopback
// whatever it is told; where that speaks TLS, the requests are changed on their way.
func registries(ctx context.Context, settings *config.ServiceConfig, asked settings) resolver.RegistryHosts {
	credentials := func(_ reference.Spec, host string) (string, string, error) { return asked.credentials(host) }
	found := resolver.NewRegistryManager(ctx, settings.FSConfig.RetryableHTTPClientConfig,
		settings.ResolverConfig, []resolver.Credential{credentials}).AsRegistryHosts()
	return func(image reference.Spec) ([]docker.RegistryHost, error) {
		hosts, err := found(image)
		if asked.tls {
			for index := range hosts {
				hosts[index].Client = &http.Client{Transport: overTLS{hosts[index].Client.Transport}}
			}
		}
		return hosts, err
	}
}

// overTLS sends every request over TLS.
type overTLS struct{ http.RoundTripper }

func (o overTLS) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.URL.Scheme = "https"
	return o.RoundTripper.RoundTrip(request)
}
