#!/bin/sh
# Replaces the gateways of compose.yaml one after the other, with a new image if there is one, and loses no request.
set -eu
cd "$(dirname "$0")"

# In place, because the container has this very file; its workers finish what they have under the former one.
edit_nginx() {
  text=$(sed "$1" nginx.conf)
  printf '%s\n' "$text" > nginx.conf
  docker compose exec -T nginx nginx -s reload
  sleep 1
}

for node in 1 2 3; do
  edit_nginx "s/server bifrost-$node:8080/& down/"
  docker compose up -d --no-deps --force-recreate "bifrost-$node"
  until curl -fs -o /dev/null "http://127.0.0.1:$((9089 + node))/ready"; do sleep 1; done
  edit_nginx "s/ down / /"
  echo "bifrost-$node is replaced"
done
