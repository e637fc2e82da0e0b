#!/usr/bin/env bash
# Can official images be pulled here? Answers by its exit code, asks once and keeps the answer.
# TRADEOPS_REGISTRY=yes|no decides without asking.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname "$0")/../lib.sh"

answer=${TRADEOPS_REGISTRY:-}
if [[ -z $answer ]]; then
    kept=$state_dir/registry
    if [[ ! -f $kept ]]; then
        mkdir -p "$state_dir"
        if timeout 5 docker manifest inspect redis:7-alpine >/dev/null 2>&1; then answer=yes; else answer=no; fi
        say "image registry reachable: $answer (kept in ${kept#"$root_dir"/})"
        echo "$answer" >"$kept"
    fi
    answer=$(<"$kept")
fi
[[ $answer == yes ]]
