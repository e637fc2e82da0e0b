#!/usr/bin/env bash
# Fetch the QuestDB jar of one version, with Maven: `jar.sh VERSION FILE`.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname "$0")/../lib.sh"

version=$1 file=$2
[[ ! -s $file ]] || exit 0
"$stack_dir/setup/packages.sh" mvn:maven
say "fetching QuestDB $version"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
    -Dartifact="org.questdb:questdb:$version" -DoutputDirectory="$work" >&2
mkdir -p "$(dirname "$file")"
mv "$work/questdb-$version.jar" "$file"
