#!/usr/bin/env bash
# Prints the part of the changelog for a tag such as v0.1.0. Fails unless the tag is that of the version in
# Cargo.toml and the changelog has a part for it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tag=${1:?a tag, such as v0.1.0}
version=$(sed -n '/^\[workspace\.package\]/,/^$/ s/^version = "\(.*\)"$/\1/p' Cargo.toml)
if [ "$tag" != "v$version" ]; then
  echo "release: the tag is $tag, but Cargo.toml has version $version" >&2
  exit 1
fi
notes=$(awk -v heading="## $version" '
  /^## / { inside = ($0 == heading || index($0, heading " ") == 1); next }
  inside' CHANGELOG.md)
if [ -z "${notes//[[:space:]]/}" ]; then
  echo "release: CHANGELOG.md has no part for $version" >&2
  exit 1
fi
echo "$notes"
