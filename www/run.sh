#!/bin/bash
# run.sh - the whole shop on this machine, for `make run`: nginx, storefront,
# delivery worker, the operator's page and klaviyo-sandbox, until Ctrl-C.
#
# Everything it writes is in .demo/ (the shop, its secret, what the sandbox
# received, the logs); the next run goes on from there.  With KLAVIYO_PUBLIC_KEY
# and KLAVIYO_PRIVATE_KEY_FILE set it talks to Klaviyo instead of the sandbox.
#
# Environment: PORT, SANDBOX_PORT, STATUS_PORT, BUILD (where the programs are).
set -u
cd "$(dirname "$0")/.." || exit 1
tree=$PWD
build=$(realpath "${BUILD:-build}")
port=${PORT:-8080}
sandbox_port=${SANDBOX_PORT:-9000}
status_port=${STATUS_PORT:-8081}
data=$tree/.demo
pids=()
run=

say() { printf '%s\n' "$*"; }

die() {
  printf 'make run: %s\n' "$*" >&2
  exit 1
}

# Ends what was started, by its process id, and removes the socket's directory.
stop() {
  trap '' INT TERM
  if [ ${#pids[@]} -gt 0 ]; then
    kill "${pids[@]}" 2> /dev/null
    wait "${pids[@]}" 2> /dev/null
  fi
  [ -n "$run" ] && rm -rf "$run"
}
trap stop EXIT
trap 'exit 0' INT TERM HUP

answers() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# start NAME COMMAND..: in the background, its output to .demo/NAME.log
start() {
  local name=$1
  shift
  "$@" > "$data/$name.log" 2>&1 &
  pids+=($!)
  names[$!]=$name
}
declare -A names

# Waits until a port answers, or one of the programs has ended.
wait_for_port() {
  until answers "$1"; do
    check_all
    sleep 0.05
  done
}

check_all() {
  local pid
  for pid in "${pids[@]}"; do
    kill -0 "$pid" 2> /dev/null && continue
    say "make run: ${names[$pid]} has ended; the end of .demo/${names[$pid]}.log:" >&2
    tail -n 5 "$data/${names[$pid]}.log" >&2
    exit 1
  done
}

for setting in "PORT=$port" "SANDBOX_PORT=$sandbox_port" \
  "STATUS_PORT=$status_port"; do
  [[ ${setting#*=} =~ ^[1-9][0-9]{0,4}$ ]] && [ "${setting#*=}" -le 65535 ] ||
    die "$setting: a port is a number from 1 to 65535"
done
if [ -n "${KLAVIYO_PUBLIC_KEY:-}" ] && [ -n "${KLAVIYO_PRIVATE_KEY_FILE:-}" ]; then
  live=1
elif [ -n "${KLAVIYO_PUBLIC_KEY:-}${KLAVIYO_PRIVATE_KEY_FILE:-}" ]; then
  die "set both KLAVIYO_PUBLIC_KEY and KLAVIYO_PRIVATE_KEY_FILE for Klaviyo itself, or neither for the sandbox"
else
  live=0
fi
answers "$port" &&
  die "port $port is taken: choose another one for the shop with make run PORT=8081"
[ $live = 0 ] && answers "$sandbox_port" &&
  die "port $sandbox_port is taken: choose another one for the sandbox with make run SANDBOX_PORT=9001"

answers "$status_port" &&
  die "port $status_port is taken: choose another one for the operator's page with make run STATUS_PORT=8082"

umask 077
mkdir -p "$data/nginx" || die "cannot write to $data"
run=$(mktemp -d 2> /dev/null || mktemp -d "$data/run.XXXXXX") ||
  die "cannot make a temporary directory"

export STOREFRONT_DB=$data/shop.db
export STOREFRONT_SECRET_FILE=$data/shop.secret
export STOREFRONT_STATUS_PASSWORD_FILE=$data/operator.password
export STOREFRONT_STATUS_LISTEN=127.0.0.1:$status_port
export STOREFRONT_TEMPLATES=$tree/templates
export STOREFRONT_URL=http://127.0.0.1:$port
export STOREFRONT_LISTEN=unix:$run/storefront.sock

if [ $live = 0 ]; then
  export KLAVIYO_PUBLIC_KEY=DEMO42
  export KLAVIYO_PRIVATE_KEY_FILE=$data/private.key
  export KLAVIYO_API_URL=http://127.0.0.1:$sandbox_port
  export KLAVIYO_ONSITE_URL=http://127.0.0.1:$sandbox_port
  export STOREFRONT_LEADS_EMAIL=${STOREFRONT_LEADS_EMAIL:-owner@pilcrow-demo.com}
  key=pk_sandbox_only_0000000000000000000000
  printf '%s\n' "$key" > "$KLAVIYO_PRIVATE_KEY_FILE"
  start sandbox "$build/klaviyo-sandbox" --listen "127.0.0.1:$sandbox_port" \
    --private-key "$key" --public-key "$KLAVIYO_PUBLIC_KEY" \
    --data "$data/sandbox.jsonl"
  wait_for_port "$sandbox_port"
fi

"$build/storefront" init || exit 1
start storefront env -u KLAVIYO_PRIVATE_KEY_FILE "$build/storefront" serve
start worker "$build/storefront" worker
start status env -u KLAVIYO_PRIVATE_KEY_FILE "$build/storefront" status

# www/nginx.conf as it is, but for its three addresses.
sed -e "s|listen 127.0.0.1:8080;|listen 127.0.0.1:$port;|" \
  -e "s|root /usr/local/share/storefront/htdocs;|root $tree/www/htdocs;|" \
  -e "s|unix:/run/storefront/storefront.sock|unix:$run/storefront.sock|" \
  www/nginx.conf > "$data/nginx/nginx.conf"
# Root's workers would be another user, who may not enter this directory.
user=
[ "$(id -u)" = 0 ] && user="user root;"
PATH=$PATH:/usr/sbin start nginx nginx -p "$data/nginx" -e error.log \
  -c nginx.conf -g "daemon off; $user"
wait_for_port "$port"
wait_for_port "$status_port"
until [ -S "$run/storefront.sock" ]; do
  check_all
  sleep 0.05
done

say ""
say "  The shop                $STOREFRONT_URL/"
if [ $live = 0 ]; then
  say "  What Klaviyo receives   $KLAVIYO_API_URL/"
else
  say "  Klaviyo itself receives what happens there (account $KLAVIYO_PUBLIC_KEY)"
fi
say "  The operator's page     http://$STOREFRONT_STATUS_LISTEN/"
say "                          user operator, password $(cat "$STOREFRONT_STATUS_PASSWORD_FILE")"
say ""
say "  Ctrl-C stops all of it; the shop's data stays in .demo/"
say ""

# One of them ending is the end of all.
wait -n "${pids[@]}"
check_all
