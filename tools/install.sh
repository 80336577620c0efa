#!/bin/sh
# Makes .venv with everything in requirements.lock, hashes checked; brings its own uv. Run by `make install`.
set -eu

fail() {
    echo "make install: $1" >&2
    exit 1
}

command -v git >/dev/null 2>&1 || fail "git is missing; install it (Debian: apt-get install git)"
command -v "$PYTHON" >/dev/null 2>&1 || fail "Python 3.11 is missing; install it (Debian: apt-get install python3 python3-venv)"
"$PYTHON" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' ||
    fail "$PYTHON is $("$PYTHON" -V 2>&1); 3.11 or newer is needed: make install PYTHON=/path/to/python3.11"
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$PYTHON cannot make virtual environments; install them (Debian: apt-get install python3-venv)"

echo "Installing into .venv (the first time takes a minute) ..."
rm -rf .venv
"$PYTHON" -m venv .venv

# Only uv comes through pip, at the locked version and with the locked hashes; uv brings the rest.
sed -n '/^uv==/,/^[^ ]/{/^uv==/p;/^ /p}' requirements.lock >.venv/uv.txt
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
# Bytecode is compiled once here: without it every start of Airflow costs two seconds more.
.venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes --compile-bytecode requirements.lock
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
touch .venv/.installed
