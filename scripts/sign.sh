#!/usr/bin/env bash
# Signs the lists of checksums in target/dist as the Terraform Registry wants it, with the key in
# GPG_PRIVATE_KEY and its passphrase in GPG_PASSPHRASE: a binary signature, in a file of its own. The key is
# in no other place than a directory that goes with this script.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

: "${GPG_PRIVATE_KEY:?the private key, in ASCII}"
GNUPGHOME=$(mktemp -d)
export GNUPGHOME
trap 'gpgconf --kill gpg-agent; rm -rf "$GNUPGHOME"' EXIT

gpg --batch --quiet --import <<<"$GPG_PRIVATE_KEY"
for sums in target/dist/*_SHA256SUMS; do
  gpg --batch --yes --pinentry-mode loopback --passphrase-fd 0 --detach-sign \
    --output "$sums.sig" "$sums" <<<"${GPG_PASSPHRASE:-}"
  gpg --batch --quiet --verify "$sums.sig" "$sums"
done
