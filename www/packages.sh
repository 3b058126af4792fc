#!/bin/sh
# packages.sh - installs the Debian packages named, where they are missing.
#
# As root, or through sudo; asks nothing.  Elsewhere than on Debian it says
# which packages are needed and stops.
set -u
missing=
for package in "$@"; do
  dpkg-query -W -f '${Status}' "$package" 2> /dev/null |
    grep -q 'ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if ! command -v apt-get > /dev/null; then
  echo "packages.sh: this is no Debian; install these:$missing" >&2
  exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo > /dev/null; then
    echo "packages.sh: as root, run: apt-get install$missing" >&2
    exit 1
  fi
  sudo="sudo"
fi
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
get="$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y"
{ $get update && $get install --no-install-recommends $missing; } > "$log" 2>&1
result=$?
if [ $result != 0 ]; then
  tail -n 20 "$log" >&2
  echo "packages.sh: could not install$missing" >&2
fi
rm -f "$log"
exit $result
