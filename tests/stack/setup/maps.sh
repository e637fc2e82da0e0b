#!/usr/bin/env bash
# Lets a process map as many files as QuestDB asks for: each column of each partition that is read is one, and twenty years
# of days of two tables are more than the 65,530 that Linux allows. Where that may not be changed, only large tests need it.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname "$0")/../lib.sh"

wanted=1048576
file=/proc/sys/vm/max_map_count
if [[ -r $file && $(<"$file") -lt $wanted ]]; then
    if [[ -w $file ]] && echo $wanted >"$file" 2>/dev/null; then
        say "a process may map $wanted files now (vm.max_map_count), as QuestDB asks for"
    else
        say "vm.max_map_count is $(<"$file"), and QuestDB asks for $wanted: tests of twenty years of days may fail"
    fi
fi
