#!/usr/bin/env bash
# A throw-away Ceph radosgw, a production S3 server, on loopback. State is in memory and gone at stop.
#   radosgw.sh install                 Debian's packages (as root)
#   radosgw.sh start DIR OWNER_PID     RGW_PORT, RGW_MON_PORT (and the port after it), S3_ACCESS_KEY, S3_SECRET_KEY
#   radosgw.sh stop DIR
# Stops by itself when the owner has gone.
set -euo pipefail

packages=(radosgw ceph-mon ceph-osd curl openssl)

install() {
  exec 9>/var/lock/verify-trail-radosgw.lock
  flock 9
  if command -v radosgw ceph-mon ceph-osd >/dev/null; then return; fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get -o DPkg::Lock::Timeout=300 update
  apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${packages[@]}"
}

stop() {
  for pid in "$1"/rgw.pid "$1"/osd.pid "$1"/mon.pid; do
    if [ -f "$pid" ]; then kill -9 "$(cat "$pid")" 2>/dev/null || :; fi
  done
  rm -rf "$1"
}

# Without crc mode and auth=none in radosgw's section it hangs; with the default paxos intervals creating a user takes 10 s.
configure() {
  cat >"$1/ceph.conf" <<CONF
[global]
fsid = $2
mon host = [v2:127.0.0.1:$((RGW_MON_PORT + 1)),v1:127.0.0.1:$RGW_MON_PORT]
public network = 127.0.0.0/8
auth cluster required = none
auth service required = none
auth client required = none
run dir = $1
log file = $1/log/\$name.log
mon cluster log file = $1/log/cluster.log
osd pool default size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 2000
paxos propose interval = 0.02
paxos min wait = 0.01
mon data = $1/mon
mon data avail crit = 1
osd data = $1/osd
osd objectstore = memstore
memstore device bytes = 8G
osd class update on start = false
[client.rgw.a]
auth client required = none
ms mon client mode = crc
rgw data = $1/rgw
rgw relaxed region enforcement = true
rgw frontends = beast endpoint=127.0.0.1:$RGW_PORT tcp_nodelay=1
CONF
}

background() {
  "${@:3}" >"$1/log/$2.out" 2>&1 </dev/null &
  echo $! >"$1/$2.pid"
}

admin() { timeout 60 radosgw-admin -c "$dir/ceph.conf" -n client.rgw.a "$@" 2>>"$dir/log/admin.out"; }

start() {
  dir=$1
  local owner=$2 conf=$1/ceph.conf cluster osd
  cluster=$(cat /proc/sys/kernel/random/uuid)
  osd=$(cat /proc/sys/kernel/random/uuid)
  mkdir -p "$dir"/{mon,osd,rgw,log}
  configure "$dir" "$cluster"
  monmaptool --create --fsid "$cluster" \
    --addv a "[v2:127.0.0.1:$((RGW_MON_PORT + 1)),v1:127.0.0.1:$RGW_MON_PORT]" "$dir/monmap" >/dev/null
  ceph-authtool -C "$dir/keyring" --gen-key -n mon. --cap mon 'allow *' >/dev/null
  ceph-mon -c "$conf" --mkfs -i a --monmap "$dir/monmap" --keyring "$dir/keyring"
  background "$dir" mon ceph-mon -c "$conf" -f -i a
  (while kill -0 "$owner" 2>/dev/null; do sleep 1; done; stop "$dir") >/dev/null 2>&1 </dev/null &
  for try in {1..100}; do
    if timeout 5 ceph -c "$conf" osd new "$osd" >/dev/null 2>&1; then break; fi
    if [ "$try" = 100 ]; then echo 'the monitor does not answer' >&2; return 1; fi
    sleep .1
  done
  ceph-osd -c "$conf" --mkfs -i 0 --osd-uuid "$osd" >/dev/null 2>&1
  background "$dir" osd ceph-osd -c "$conf" -f -i 0
  admin user create --uid=tests --display-name=tests --access-key="$S3_ACCESS_KEY" --secret-key="$S3_SECRET_KEY" >/dev/null
  # GetBucketLocation then answers empty, as us-east-1 does.
  admin zonegroup get --rgw-zonegroup=default | sed 's/"api_name": "[^"]*"/"api_name": ""/' >"$dir/zonegroup"
  admin zonegroup set --rgw-zonegroup=default --infile "$dir/zonegroup" >/dev/null
  background "$dir" rgw radosgw -c "$conf" -f -n client.rgw.a
  curl -s --retry 300 --retry-delay 0 --retry-connrefused --retry-max-time 60 -o /dev/null "http://127.0.0.1:$RGW_PORT/"
}

"$@"
