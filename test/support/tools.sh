#!/usr/bin/env bash
# Tools for the tests (as root): bsdtar, zip and setfattr make exports, hashdeep audits them, zsh and fish are completed in, mandoc reads the manual page.
set -euo pipefail
exec 9>/var/lock/verify-trail-tools.lock
flock 9
missing=
for tool in bsdtar zip setfattr hashdeep zsh fish mandoc; do command -v "$tool" >/dev/null || missing=1; done
[ -n "$missing" ] || exit 0
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 update
apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends libarchive-tools zip attr hashdeep zsh fish mandoc
