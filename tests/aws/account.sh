#!/usr/bin/env bash
# Checks the provider in an AWS account of yours: tests/aws/account.sh --help
#
# Needs terraform (or tofu), Python 3 with its venv module, and credentials where AWS's tools find
# them. The Python packages are installed in target/python.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

scripts/setup.sh account
exec target/python/bin/python tests/aws/account.py "$@"
