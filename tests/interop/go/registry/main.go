// Package main serves a registry on the loopback until standard input ends.
//
// It prints what it is as one JSON document, and logs every request to standard error as an access
// log does.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/olareg/olareg"
	olaregConfig "github.com/olareg/olareg/config"
	"github.com/sirupsen/logrus"

	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/auth/token"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
)

// settings is the command line.
type settings struct {
	kind      string
	referrers bool
	tls       bool
	auth      string
	root      string
	user      string
	password  string
}

// greeting says where the registry is, and in which file the certificate of its authority.
type greeting struct {
	Address   string `json:"address"`
	Authority string `json:"authority,omitempty"`
}

func main() {
	var asked settings
	flag.StringVar(&asked.kind, "kind", "distribution", "distribution, go-containerregistry or olareg")
	flag.BoolVar(&asked.referrers, "referrers", false, "serve the referrers API (go-containerregistry)")
	flag.BoolVar(&asked.tls, "tls", false, "speak TLS, with a certificate of an authority of its own")
	flag.StringVar(&asked.auth, "auth", "none", "none, htpasswd or token (distribution)")
	flag.StringVar(&asked.root, "root", "", "directory of everything this program writes")
	flag.StringVar(&asked.user, "user", "", "the one account")
	flag.StringVar(&asked.password, "password", "", "its password")
	flag.Parse()
	if err := run(asked); err != nil {
		log.Fatal(err)
	}
}

func run(asked settings) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	hello := greeting{Address: listener.Addr().String()}
	scheme := "http"
	if asked.tls {
		scheme = "https"
		hello.Authority = filepath.Join(asked.root, "authority.pem")
	}
	handler, err := handler(asked, scheme+"://"+hello.Address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: &accessLog{inner: handler}}
	serve := server.Serve
	if asked.tls {
		if server.TLSConfig, err = withAuthority(hello.Authority); err != nil {
			return err
		}
		serve = func(listener net.Listener) error { return server.ServeTLS(listener, "", "") }
	}
	go func() {
		if err := serve(listener); err != http.ErrServerClosed {
			log.Fatal(err)
		}
	}()
	if err := json.NewEncoder(os.Stdout).Encode(hello); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return server.Close()
}

func handler(asked settings, url string) (http.Handler, error) {
	switch asked.kind {
	case "go-containerregistry":
		blobs := filepath.Join(asked.root, "blobs")
		if err := os.Mkdir(blobs, 0o700); err != nil {
			return nil, err
		}
		return registry.New(
			registry.WithReferrersSupport(asked.referrers),
			registry.WithBlobHandler(registry.NewDiskBlobHandler(blobs)),
			registry.Logger(log.New(io.Discard, "", 0)),
		), nil
	case "distribution":
		return distribution(asked, url)
	case "olareg":
		yes := true
		return olareg.New(olaregConfig.Config{
			Storage: olaregConfig.ConfigStorage{
				StoreType: olaregConfig.StoreDir,
				RootDir:   filepath.Join(asked.root, "data"),
			},
			API: olaregConfig.ConfigAPI{DeleteEnabled: &yes},
		}), nil
	}
	return nil, fmt.Errorf("kind %q: want distribution, go-containerregistry or olareg", asked.kind)
}

func distribution(asked settings, url string) (http.Handler, error) {
	// Its log repeats the access log.
	logrus.SetLevel(logrus.WarnLevel)
	config := &configuration.Configuration{Version: configuration.CurrentVersion}
	config.Log.Level = "warn"
	config.Storage = configuration.Storage{
		"filesystem": {"rootdirectory": filepath.Join(asked.root, "data")},
		"delete":     {"enabled": true},
	}
	switch asked.auth {
	case "none":
	case "htpasswd":
		file, err := htpasswd(asked)
		if err != nil {
			return nil, err
		}
		config.Auth = configuration.Auth{"htpasswd": {"realm": "interop", "path": file}}
	case "token":
		tokens, err := newTokens(asked)
		if err != nil {
			return nil, err
		}
		config.Auth = configuration.Auth{"token": {
			"realm":             url + "/token",
			"service":           service,
			"issuer":            issuer,
			"jwks":              tokens.keys,
			"signingalgorithms": []any{"ES256"},
		}}
		mux := http.NewServeMux()
		mux.Handle("/token", tokens)
		mux.Handle("/", handlers.NewApp(context.Background(), config))
		return mux, nil
	default:
		return nil, fmt.Errorf("auth %q: want none, htpasswd or token", asked.auth)
	}
	return handlers.NewApp(context.Background(), config), nil
}

// accessLog writes a line for every request, in the fields that the combined format begins with.
type accessLog struct {
	inner http.Handler
	lock  sync.Mutex
}

func (l *accessLog) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	counted := &counter{ResponseWriter: writer, status: http.StatusOK}
	l.inner.ServeHTTP(counted, request)
	l.lock.Lock()
	defer l.lock.Unlock()
	fmt.Fprintf(os.Stderr, "127.0.0.1 - - [%s] \"%s %s %s\" %d %d \"\" %q\n",
		time.Now().Format("02/Jan/2006:15:04:05 -0700"), request.Method, request.URL.RequestURI(),
		request.Proto, counted.status, counted.size, request.UserAgent())
}

type counter struct {
	http.ResponseWriter
	status int
	size   int64
}

func (c *counter) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counter) Write(content []byte) (int, error) {
	count, err := c.ResponseWriter.Write(content)
	c.size += int64(count)
	return count, err
}
