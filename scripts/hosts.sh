#!/usr/bin/env bash
# Runs the provider's end-to-end tests with each of the hosts that `make test` does not use: OpenTofu,
# built from its Go module once, and the Terraform of tests/requirements.txt. They are kept in
# target/hosts.
#
#   scripts/hosts.sh              all hosts, all tests
#   scripts/hosts.sh TEST...      all hosts, the tests whose names contain one of these
#   HOSTS="tofu-1.6.3" scripts/hosts.sh ...
#
# The tests have to be built; `make hosts` builds them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly NEWEST=tofu-1.12.6 OLDEST=tofu-1.6.3 PINNED=terraform-pinned
TARGET=$(realpath "${CARGO_TARGET_DIR:-target}")
readonly TARGET PROGRAMS=$TARGET/hosts
export GOCACHE="${GOCACHE:-$TARGET/go-cache}"
CARGO=${CARGO:-cargo}

# What a host cannot do, by the names of tests.
skipped() {
  case $1 in
    # It is the other version in these.
    "$PINNED") echo terraform_versions:: ;;
    # Has no functions of providers, which are in the documentation too.
    "$OLDEST") echo functions:: builder::module:: docs:: ;;
  esac
}

# Builds OpenTofu as it is released: without the suffix -dev that it has by default.
build_opentofu() {
  local version=${1#tofu-} source
  source=$(go mod download -json "github.com/opentofu/opentofu@v$version" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')
  echo "hosts: building OpenTofu $version"
  (cd "$source" && go build -mod=readonly -trimpath -buildvcs=false -o "$PROGRAMS/$1" \
    -ldflags "-s -w -X github.com/opentofu/opentofu/version.dev=no" ./cmd/tofu)
}

# A program of its own for the Terraform that a Python package brings.
link_terraform() {
  printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' \
    "$PWD/target/python/bin/python" "$PWD/tests/terraform/terraform.py" >"$PROGRAMS/$1"
  chmod +x "$PROGRAMS/$1"
}

get() {
  [ ! -x "$PROGRAMS/$1" ] || return 0
  mkdir -p "$PROGRAMS"
  case $1 in
    tofu-*) build_opentofu "$1" ;;
    *) link_terraform "$1" ;;
  esac
}

# end_to_end HOST ARGUMENT...: the tests of libtest's arguments, with a host.
end_to_end() {
  local host=$1
  shift
  SOCI_TEST_TERRAFORM="$PROGRAMS/$host" "$CARGO" test --quiet --workspace --locked --test e2e -- "$@"
}

main() {
  local host test skip failed=()
  [ $# -gt 0 ] || set -- index:: provider:: builder::
  for host in ${HOSTS:-$NEWEST $OLDEST $PINNED}; do
    get "$host"
    echo "hosts: $(TF_CLI_CONFIG_FILE=/dev/null "$PROGRAMS/$host" version | head -n 1)"
    skip=()
    for test in $(skipped "$host"); do skip+=(--skip "$test"); done
    end_to_end "$host" "$@" "${skip[@]}" || failed+=("$host")
    # What only the newest OpenTofu has; the others leave it out.
    [ "$host" != "$NEWEST" ] || end_to_end "$host" --ignored opentofu:: || failed+=("$host: opentofu::")
  done
  if [ ${#failed[@]} -gt 0 ]; then
    printf 'hosts: failed: %s\n' "${failed[@]}" >&2
    return 1
  fi
}

main "$@"
