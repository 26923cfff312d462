/** HAProxy as a proxy, with its Lua when there is a policy. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { lacks } from "../../../support/processes.ts";
import { type Contender, copyHere, type Setting, startPinned } from "./contender.ts";

export const haproxy: Contender = {
  name: "haproxy",
  lacks: ({ hasAccessLog }) => (hasAccessLog ? "haproxy logs to syslog only" : lacks("haproxy")),
  start(setting) {
    if (setting.policy !== "none") copyHere(setting.folder, "policy.lua", "haproxy.lua");
    const file = path.join(setting.folder, "haproxy.cfg");
    writeFileSync(file, config(setting));
    return startPinned({ ...setting, argv: ["haproxy", "-C", setting.folder, "-f", file] });
  },
};

function config({ upstreams, policy, workers, port }: Setting): string {
  const hasLua = policy !== "none";
  return `
global
  nbthread ${workers}
  maxconn 4096
  ${hasLua ? "lua-prepend-path ?.lua\n  lua-load haproxy.lua" : ""}
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  http-reuse always
  option forwardfor
frontend front
  bind 127.0.0.1:${port}
  http-request set-header X-Forwarded-Proto http
  ${hasLua ? "http-request lua.policy" : ""}
  ${policy === "request and response" ? "http-response set-header x-variant %[var(txn.variant)]\n  http-response del-header server" : ""}
  use_backend ${hasLua ? "%[var(txn.variant)]" : "b if { hdr(host) -i app2.example.test }"}
  default_backend a
backend a
  server one ${upstreams.a} pool-max-conn 512
backend b
  server one ${upstreams.b} pool-max-conn 512
`;
}
