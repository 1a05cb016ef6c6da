#!/usr/bin/env bash
# The tools that make exports for the tests: bsdtar, zip, setfattr (as root).
set -euo pipefail
exec 9>/var/lock/verify-trail-tools.lock
flock 9
if command -v bsdtar zip setfattr >/dev/null; then exit; fi
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 update
apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends libarchive-tools zip attr
