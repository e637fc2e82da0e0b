#!/usr/bin/env bash
# Have all that the stack needs: a Docker Engine, Compose, images. Does nothing for what is there.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

"$stack_dir/setup/packages.sh" curl:curl
"$stack_dir/setup/engine.sh"
"$stack_dir/setup/maps.sh"
"$stack_dir/setup/compose.sh"
"$stack_dir/setup/sshd.sh"
"$stack_dir/setup/images.sh"
