#!/usr/bin/env bash
# Runs the provider's end-to-end tests with each of the hosts that `make test` does not use: OpenTofu,
# built from its Go module once, and the Terraform of tests/requirements.txt. They are kept in
# target/hosts.
#
#   scripts/hosts.sh              all hosts, all tests
#   scripts/hosts.sh TEST...      all hosts, the tests whose names contain one of these
#   HOSTS="tofu-1.6.3" scripts/hosts.sh ...
#
# With all hosts and all tests it writes what passed into docs/design/interop.md.
#
# The tests have to be built; `make hosts` builds them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly NEWEST=tofu-1.12.6 OLDEST=tofu-1.6.3 PINNED=terraform-pinned
TARGET=$(realpath "${CARGO_TARGET_DIR:-target}")
readonly TARGET PROGRAMS=$TARGET/hosts PAGE=docs/design/interop.md
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

# end_to_end HOST ARGUMENT...: the tests of libtest's arguments, with a host; prints how many passed in
# the last line.
end_to_end() {
  local host=$1
  shift
  SOCI_TEST_TERRAFORM="$PROGRAMS/$host" "$CARGO" test --quiet --workspace --locked --test e2e -- "$@" |
    tee >(cat >&2) | sed -n 's/^test result: ok\. \([0-9]*\) passed.*/\1/p'
}

# write_page ROW...: the rows between the page's marks.
write_page() {
  local table commit
  commit=$(git rev-parse --short=10 HEAD)
  table=$(
    printf '\n`make hosts` wrote this: commit %s, %s.\n\n' "$commit" "$(date +%F)"
    printf '| Host | Tests passed | Left out |\n| --- | --: | --- |\n'
    printf '%s\n' "$@"
  )
  TABLE=$table awk '
    { print }
    /^<!-- hosts -->$/ { print ENVIRON["TABLE"] "\n"; while ((getline line) > 0 && line !~ /^<!-- \/hosts -->$/); print line }
  ' "$PAGE" >"$PROGRAMS/page.md"
  cp "$PROGRAMS/page.md" "$PAGE"
  echo "hosts: $PAGE is written"
}

main() {
  local host version test skip passed more failed=() rows=() whole=false
  [ $# -gt 0 ] || [ -n "${HOSTS:-}" ] || whole=true
  [ $# -gt 0 ] || set -- index:: provider:: builder::
  for host in ${HOSTS:-$NEWEST $OLDEST $PINNED}; do
    get "$host"
    version=$(TF_CLI_CONFIG_FILE=/dev/null "$PROGRAMS/$host" version | sed -n 1p)
    echo "hosts: $version"
    skip=()
    for test in $(skipped "$host"); do skip+=(--skip "$test"); done
    passed=$(end_to_end "$host" "$@" "${skip[@]}") || failed+=("$host")
    # What only the newest OpenTofu has; the others leave it out.
    if [ "$host" = "$NEWEST" ]; then
      more=$(end_to_end "$host" --ignored opentofu::) || failed+=("$host: opentofu::")
      passed=$((passed + more))
    fi
    rows+=("| $version | $passed | $(skipped "$host" | sed 's/[^ ]\+/`&`/g') |")
  done
  if [ ${#failed[@]} -gt 0 ]; then
    printf 'hosts: failed: %s\n' "${failed[@]}" >&2
    return 1
  fi
  if $whole; then write_page "${rows[@]}"; fi
}

main "$@"
