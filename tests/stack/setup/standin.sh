#!/usr/bin/env bash
# Build the stand-in: a static binary, in a target folder of its own. Prints where it is.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname "$0")/../lib.sh"

target=$(rustc -vV | sed -n 's/^host: //p')
say "building the stand-in"
(cd "$root_dir" && RUSTFLAGS='-C target-feature=+crt-static' \
    cargo build --quiet --release --package standin --target "$target" --target-dir target/standin >&2)
echo "$root_dir/target/standin/$target/release/standin"
