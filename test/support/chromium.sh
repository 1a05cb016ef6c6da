#!/usr/bin/env bash
# Debian's Chromium, in which pages are tried (as root).
set -euo pipefail
exec 9>/var/lock/verify-trail-chromium.lock
flock 9
if command -v chromium >/dev/null; then exit; fi
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 update
apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends chromium
