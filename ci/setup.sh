# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Sourced by the other scripts here: installs what is missing, nothing else.
#   setup PACKAGES...   apt packages, only those that are not there
#   venv EXTRAS         the project in .venv, again only when pyproject.toml has changed

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

# shellcheck disable=SC2034 # the scripts that source this one install them
runtime_packages=(
    bc binutils bison bubblewrap busybox-static ca-certificates ccache coccinelle debian-archive-keyring
    flex gcc git kmod libc6-dev libelf-dev libssl-dev make perl python3 python3-venv
    qemu-system-x86 rsync util-linux xz-utils
)

# 3 is the exit code for a machine that fails; see docs/exit-codes.md.
give_up() {
    echo "$1: see above" >&2
    exit 3
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "root is needed to run: $* (run this script as root, or install sudo)" >&2
        return 3
    fi
}

setup() {
    local package missing=()
    for package in "$@"; do
        if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
            missing+=("$package")
        fi
    done
    [ ${#missing[@]} -eq 0 ] && return
    echo "installing ${missing[*]}"
    as_root apt-get update -q || give_up "apt-get could not update its lists"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" ||
        give_up "apt-get could not install ${missing[*]}"
}

venv() {
    local extras=$1 stamp want
    stamp="$top/.venv/.installed"
    want="$extras $(sha256sum <"$top/pyproject.toml")"
    if [ -f "$stamp" ]; then
        # What the tests need includes what a run needs.
        case $(cat "$stamp") in "$want" | "[dev] ${want#"$extras "}") return ;; esac
    fi
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "Python 3.11 or newer is needed, python3 is $(python3 --version)" >&2
        return 3
    }
    [ -x "$top/.venv/bin/python" ] || python3 -m venv "$top/.venv" || give_up "python3 could not make $top/.venv"
    "$top/.venv/bin/pip" install --quiet --disable-pip-version-check --editable "$top$extras" ||
        give_up "pip could not install the project into $top/.venv"
    echo "$want" >"$stamp"
}
