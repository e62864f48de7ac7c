#!/usr/bin/env bash
# Builds the Lambda functions and packs them, so that the provider's build can embed them:
#
#   event-filter-x86_64.zip  index-generator-x86_64.zip  the same for arm64  bundle.json
#
# scripts/bundle.sh shipped: for Lambda's operating system, both architectures and optimized, into
# target/bundle. rustup installs a Rust target that is missing; without rustup, the bundle has the
# architectures that there is a target for.
#
# scripts/bundle.sh debug: as everything else of a debug build, into target/debug/functions. They run
# here, which is all that the local AWS wants, and share their compilation with the tests. Where
# SOCI_BUNDLE_DIR names another bundle, that one is used and nothing is built.
#
# Without changes either writes nothing and ends within two seconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly GLIBC=2.34 # of the runtime provided.al2023
readonly TARGET="${CARGO_TARGET_DIR:-target}"
CARGO=${CARGO:-cargo}
# shellcheck source=scripts/cross.sh
. scripts/cross.sh

has_target() {
  [ -d "$(rustc --print target-libdir --target "$1" 2>/dev/null)" ]
}

# Installs a Rust target if that is possible.
get_target() {
  if ! has_target "$1" && command -v rustup >/dev/null; then
    echo "bundle: installing the Rust target $1"
    timeout 300 rustup --quiet target add "$1" || true
  fi
  has_target "$1"
}

shipped() {
  install_tools
  local pair architecture triple built=()
  for pair in x86_64:x86_64-unknown-linux-gnu arm64:aarch64-unknown-linux-gnu; do
    architecture=${pair%%:*} triple=${pair#*:}
    if get_target "$triple"; then
      (
        reproducible_flags
        "$CARGO" zigbuild --quiet --package lambda --no-default-features --features functions \
          --bins --profile lambda --target "$triple.$GLIBC" --locked
      )
      built+=("$architecture=$TARGET/$triple/lambda")
    else
      echo "bundle: no functions for $architecture: the Rust target $triple is not installed" >&2
    fi
  done
  if [ ${#built[@]} -eq 0 ]; then
    echo "bundle: no Rust target to build for: run 'rustup target add x86_64-unknown-linux-gnu'" >&2
    return 1
  fi
  # Builds in seconds, because it leaves out the functions themselves.
  "$CARGO" run --quiet --package lambda --no-default-features --features bundle --bin bundle \
    --locked -- shipped "$TARGET/bundle" "$GLIBC" "${built[@]}"
}

debug() {
  [ -z "${SOCI_BUNDLE_DIR:-}" ] || return 0
  # All of the workspace's features, as when the rest is built: nothing is compiled twice.
  "$CARGO" build --workspace --bin event-filter --bin index-generator --bin bundle --locked
  local name architecture=x86_64 functions=$TARGET/debug/functions
  [ "$(uname -m)" != aarch64 ] || architecture=arm64
  for name in event-filter index-generator; do
    if [ "$TARGET/debug/$name" -nt "$functions/stripped/$name" ]; then
      mkdir -p "$functions/stripped"
      strip -o "$functions/stripped/$name" "$TARGET/debug/$name"
    fi
  done
  "$TARGET/debug/bundle" debug "$functions" "$(getconf GNU_LIBC_VERSION | cut -d ' ' -f 2)" \
    "$architecture=$functions/stripped"
}

case ${1:-} in
  shipped | debug) "$1" ;;
  *)
    echo "usage: scripts/bundle.sh shipped|debug" >&2
    exit 2
    ;;
esac
