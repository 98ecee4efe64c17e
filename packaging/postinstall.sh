#!/bin/sh
# After the installation of the deb or rpm package: the service's user, and nothing else. Nothing is started.
set -e
if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers /usr/lib/sysusers.d/pulumiscale.conf
fi
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
