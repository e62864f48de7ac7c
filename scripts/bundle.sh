#!/usr/bin/env bash
# Builds the Lambda functions for Lambda's operating system and packs them into target/bundle,
# from where the provider's build embeds them:
#
#   event-filter-x86_64.zip  index-generator-x86_64.zip  bundle.json
#
# and the same for arm64 if the Rust target aarch64-unknown-linux-gnu is installed. Without changes
# it writes nothing and ends within two seconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly GLIBC=2.34 # of the runtime provided.al2023
readonly TARGET="${CARGO_TARGET_DIR:-target}"
readonly TOOLS=$TARGET/bundle-tools
readonly REQUIREMENTS=scripts/requirements-bundle.txt
CARGO=${CARGO:-cargo}

# Installs the tools from PyPI into a virtual environment of their own.
install_tools() {
  if ! cmp --silent "$REQUIREMENTS" "$TOOLS/installed"; then
    echo "bundle: installing the tools of $REQUIREMENTS"
    rm -rf "$TOOLS"
    python3 -m venv "$TOOLS"
    "$TOOLS/bin/pip" install --quiet --disable-pip-version-check --requirement "$REQUIREMENTS"
    cp "$REQUIREMENTS" "$TOOLS/installed"
  fi
  # Zig's cache of what it builds once for each target.
  CARGO_ZIGBUILD_CACHE_DIR="$(realpath "$TOOLS")/cache"
  ZIG_GLOBAL_CACHE_DIR="$CARGO_ZIGBUILD_CACHE_DIR/zig"
  export CARGO_ZIGBUILD_CACHE_DIR ZIG_GLOBAL_CACHE_DIR
  PATH="$(realpath "$TOOLS")/bin:$PATH"
}

has_target() {
  [ -d "$(rustc --print target-libdir --target "$1" 2>/dev/null)" ]
}

main() {
  install_tools
  local pair architecture triple built=()
  for pair in x86_64:x86_64-unknown-linux-gnu arm64:aarch64-unknown-linux-gnu; do
    architecture=${pair%%:*} triple=${pair#*:}
    if has_target "$triple"; then
      "$CARGO" zigbuild --quiet --package lambda --no-default-features --features functions \
        --bins --profile lambda --target "$triple.$GLIBC" --locked
      built+=("$architecture=$TARGET/$triple/lambda")
    fi
  done
  if [ ${#built[@]} -eq 0 ]; then
    echo "bundle: no Rust target to build for: run 'rustup target add x86_64-unknown-linux-gnu'" >&2
    return 1
  fi
  # Builds in seconds, because it leaves out the functions themselves.
  "$CARGO" run --quiet --package lambda --no-default-features --features bundle --bin bundle \
    --locked -- "$TARGET/bundle" "$GLIBC" "${built[@]}"
}

main
