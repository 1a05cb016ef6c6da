#!/usr/bin/env bash
# Installs a Redis server, and ip, which makes machines on a network, as root.
set -euo pipefail
exec 9>/var/lock/verify-trail-redis.lock
flock 9
if command -v redis-server >/dev/null && command -v ip >/dev/null; then exit; fi
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 update
apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends redis-server iproute2
