package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/distribution/distribution/v3/registry/auth/token"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/crypto/bcrypt"
)

const (
	service = "interop"
	issuer  = "interop-tokens"
	// lifetime of tokens: longer than any test.
	lifetime = time.Hour
)

// htpasswd writes the one account to a file.
func htpasswd(asked settings) (string, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(asked.password), bcrypt.MinCost)
	if err != nil {
		return "", err
	}
	file := filepath.Join(asked.root, "htpasswd")
	return file, os.WriteFile(file, fmt.Appendf(nil, "%s:%s\n", asked.user, hash), 0o600)
}

// tokens is the server that a registry with token authentication sends its clients to.
type tokens struct {
	settings
	signer jose.Signer
	// keys is the file of the public keys that tokens are checked with.
	keys string
}

func newTokens(asked settings) (*tokens, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	public := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: &key.PublicKey, KeyID: "interop", Algorithm: string(jose.ES256), Use: "sig"},
	}}
	encoded, err := json.Marshal(public)
	if err != nil {
		return nil, err
	}
	keys := filepath.Join(asked.root, "keys.json")
	if err := os.WriteFile(keys, encoded, 0o600); err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "interop"}}, nil)
	if err != nil {
		return nil, err
	}
	return &tokens{settings: asked, signer: signer, keys: keys}, nil
}

// ServeHTTP gives the one account whatever it asks for, and anybody else nothing.
func (t *tokens) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	user, password, _ := request.BasicAuth()
	if user != t.user || password != t.password {
		writer.WriteHeader(http.StatusUnauthorized)
		return
	}
	claims := token.ClaimSet{
		Issuer:     issuer,
		Subject:    user,
		Audience:   token.AudienceList{request.URL.Query().Get("service")},
		Expiration: time.Now().Add(lifetime).Unix(),
		NotBefore:  time.Now().Add(-time.Minute).Unix(),
		IssuedAt:   time.Now().Unix(),
	}
	for _, scopes := range request.URL.Query()["scope"] {
		for scope := range strings.FieldsSeq(scopes) {
			fields := strings.Split(scope, ":")
			if len(fields) != 3 {
				writer.WriteHeader(http.StatusBadRequest)
				return
			}
			claims.Access = append(claims.Access, &token.ResourceActions{
				Type: fields[0], Name: fields[1], Actions: strings.Split(fields[2], ","),
			})
		}
	}
	signed, err := jwt.Signed(t.signer).Claims(claims).Serialize()
	if err != nil {
		http.Error(writer, err.Error(), http.StatusInternalServerError)
		return
	}
	writer.Header().Set("Content-Type", "application/json")
	json.NewEncoder(writer).Encode(map[string]any{"token": signed, "expires_in": int(lifetime.Seconds())})
}
