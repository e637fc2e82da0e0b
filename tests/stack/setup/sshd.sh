#!/usr/bin/env bash
# Have an sshd that tests can start on a port of their own. No service is left running by it.
set -euo pipefail
# shellcheck source=../lib.sh
source "$(dirname "$0")/../lib.sh"

if ! have sshd && [[ $EUID -eq 0 && -d /run/systemd/system ]]; then
    # The package starts a service on port 22: not for a test.
    systemctl mask --quiet --runtime ssh.service ssh.socket
    "$stack_dir/setup/packages.sh" sshd:openssh-server
    systemctl disable --quiet ssh.service
    systemctl unmask --quiet --runtime ssh.service ssh.socket
fi
"$stack_dir/setup/packages.sh" sshd:openssh-server ssh:openssh-client
# What sshd confines itself to before a login. The service makes it, and it is gone after a restart.
[[ -d /run/sshd ]] || mkdir -m 755 /run/sshd
