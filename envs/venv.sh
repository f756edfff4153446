#!/bin/sh
# Sets up .venv from requirements.lock with the newest Python found, or the one given; does nothing if that is done already.
set -eu

fail() {
    echo "$1" >&2
    exit 1
}

case "$PWD" in
*[[:space:]]*) fail "The path of this folder ($PWD) contains a space, so Snakemake cannot start its jobs; move the folder elsewhere." ;;
esac

named=${1:-}
if [ -z "$named" ]; then
    set -- python3.14 python3.13 python3.12 python3.11 python3
fi
# The first that is recent enough and can create virtual environments, for which Debian's needs another package.
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
    fail "$("$bare" --version) ($bare) cannot create virtual environments; on Debian or Ubuntu, install the package python3-venv."
elif [ -z "$chosen" ] && [ -n "$old" ]; then
    fail "Python 3.11 or newer is needed, but $old is $("$old" --version); install a newer one, or give its path: make PYTHON=/path/to/python3."
elif [ -z "$chosen" ]; then
    fail "Python 3.11 or newer is needed, but no ${named:-python3} was found; install it, or give its path: make PYTHON=/path/to/python3."
fi

wanted="$("$chosen" --version), requirements.lock $(cksum < requirements.lock)"
if [ "$(cat .venv/set-up 2> /dev/null)" = "$wanted" ] && .venv/bin/python -c '' 2> /dev/null; then
    exit 0
fi
echo "Setting up .venv with $("$chosen" --version) from requirements.lock (a few minutes, about 6 GB on Linux) ..."
rm -rf .venv
"$chosen" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock ||
    fail "The packages in requirements.lock could not be installed; fix what pip reports above and run make again."
echo "$wanted" > .venv/set-up
