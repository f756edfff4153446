#!/bin/sh
# Sets up .venv from requirements.lock with the newest Python found, or the one that is named; does nothing if it is set up already.
set -eu

fail() {
    echo "$1" >&2
    exit 1
}

case "$PWD" in
*[[:space:]]*) fail "The path of this folder ($PWD) holds a space, with which Snakemake cannot start its jobs; move it elsewhere." ;;
esac

named=${1:-}
if [ -z "$named" ]; then
    set -- python3.14 python3.13 python3.12 python3.11 python3
fi
# The first that is recent enough and can make virtual environments; Debian's cannot without a package of its own.
chosen='' old='' bare=''
for python in "$@"; do
    "$python" -c '' 2> /dev/null || continue
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        old=$python
    elif ! "$python" -c 'import ensurepip, venv' 2> /dev/null; then
        bare=$python
    else
        chosen=$python
        break
    fi
done
if [ -z "$chosen" ] && [ -n "$bare" ]; then
    fail "$("$bare" --version) ($bare) cannot make virtual environments; on Debian or Ubuntu, install its package python3-venv."
elif [ -z "$chosen" ] && [ -n "$old" ]; then
    fail "Python 3.11 or newer is needed, but $old is $("$old" --version); install a newer one, or name it: make PYTHON=/path/to/python3."
elif [ -z "$chosen" ]; then
    fail "Python 3.11 or newer is needed, but no ${named:-python3} was found; install it, or name it: make PYTHON=/path/to/python3."
fi

wanted="$("$chosen" --version), requirements.lock $(cksum < requirements.lock)"
if [ "$(cat .venv/set-up 2> /dev/null)" = "$wanted" ] && .venv/bin/python -c '' 2> /dev/null; then
    exit 0
fi
echo "Setting up .venv with $("$chosen" --version) from requirements.lock (a few minutes, about 6 GB on Linux) ..."
rm -rf .venv
"$chosen" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock ||
    fail "The packages of requirements.lock could not be installed; mend what pip says above and run make again."
echo "$wanted" > .venv/set-up
