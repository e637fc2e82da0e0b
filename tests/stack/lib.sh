#!/usr/bin/env bash
# What the stack's scripts share: where things are, and how they speak. Sourced, never run.

stack_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root_dir=$(cd "$stack_dir/../.." && pwd)
# Everything that a run leaves behind, secrets included; `target/` is not committed.
state_dir=${TRADEOPS_STACK_STATE:-$root_dir/target/stack}
export stack_dir root_dir state_dir

# Progress and errors go to stderr: stdout is for data.
say() { printf 'stack: %s\n' "$*" >&2; }
die() {
    printf 'stack: error: %s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Hash of the files and words given: the name of what is built from them.
fingerprint() {
    local item
    for item; do
        if [[ -d $item ]]; then
            (cd "$item" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
        elif [[ -f $item ]]; then
            sha256sum <"$item"
        else
            printf '%s\n' "$item"
        fi
    done | sha256sum | cut -c1-12
}

# Put stdin into a file, whole or not at all, and leave the file alone when it would not change.
write_file() {
    local path=$1 mode=${2:-644} new
    new=$(mktemp "$path.XXXXXX")
    cat >"$new"
    chmod "$mode" "$new"
    if cmp -s "$new" "$path"; then rm -f "$new"; else mv -f "$new" "$path"; fi
}

# The address of a Debian mirror, as this machine's own package sources have it; nothing elsewhere.
debian_mirror() {
    cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list /etc/apt/sources.list 2>/dev/null |
        grep -v '^[[:space:]]*#' | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ' || true
}
