package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/containerd/containerd/v2/cmd/containerd/server"
	"github.com/containerd/containerd/v2/cmd/containerd/server/config"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/containerd/v2/version"

	// The plugins that a pull needs. The others of containerd run containers.
	_ "github.com/containerd/containerd/v2/plugins/content/local/plugin"
	_ "github.com/containerd/containerd/v2/plugins/diff/walking/plugin"
	_ "github.com/containerd/containerd/v2/plugins/events"
	_ "github.com/containerd/containerd/v2/plugins/gc"
	_ "github.com/containerd/containerd/v2/plugins/leases"
	_ "github.com/containerd/containerd/v2/plugins/metadata"
	_ "github.com/containerd/containerd/v2/plugins/mount"
	_ "github.com/containerd/containerd/v2/plugins/server/grpc"
	_ "github.com/containerd/containerd/v2/plugins/services/content"
	_ "github.com/containerd/containerd/v2/plugins/services/diff"
	_ "github.com/containerd/containerd/v2/plugins/services/images"
	_ "github.com/containerd/containerd/v2/plugins/services/introspection"
	_ "github.com/containerd/containerd/v2/plugins/services/leases"
	_ "github.com/containerd/containerd/v2/plugins/services/namespaces"
	_ "github.com/containerd/containerd/v2/plugins/services/snapshots"
	_ "github.com/containerd/containerd/v2/plugins/services/version"
	_ "github.com/containerd/containerd/v2/plugins/services/warning"
	_ "github.com/containerd/containerd/v2/plugins/snapshots/overlay/plugin"
)

// startContainerd serves containerd at the socket address, with the snapshotter at the socket
// snapshotter as the proxy plugin "soci".
func startContainerd(ctx context.Context, root, address, snapshotter string) (*server.Server, error) {
	settings := &config.Config{
		Version: version.ConfigVersion,
		Root:    filepath.Join(root, "root"),
		State:   filepath.Join(root, "state"),
		TempDir: filepath.Join(root, "tmp"),
		Plugins: map[string]any{
			string(plugins.ServerPlugin) + ".grpc": map[string]any{"address": address},
		},
		ProxyPlugins: map[string]config.ProxyPlugin{
			lazy: {Type: "snapshot", Address: snapshotter},
		},
	}
	if err := server.CreateTopLevelDirectories(settings); err != nil {
		return nil, fmt.Errorf("containerd: directories: %w", err)
	}
	daemon, err := server.New(ctx, settings)
	if err != nil {
		return nil, fmt.Errorf("containerd: %w", err)
	}
	if err := daemon.Start(ctx); err != nil {
		daemon.Stop()
		return nil, fmt.Errorf("containerd: %w", err)
	}
	daemon.Wait()
	return daemon, nil
}
