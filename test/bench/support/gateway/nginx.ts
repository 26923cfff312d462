/** nginx as a proxy, with its Lua module when there is a policy, and as the upstream of everyone. */
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { lacks } from "../../../support/processes.ts";
import {
  type Contender,
  copyHere,
  LOAD_CORE,
  type RunningContender,
  type Setting,
  startPinned,
} from "./contender.ts";

export const nginx: Contender = {
  name: "nginx",
  lacks({ policy }) {
    const missing = lacks("nginx");
    if (missing !== null || policy === "none") return missing;
    return luaModules() === null ? "nginx has no Lua module here" : null;
  },
  start(setting) {
    if (setting.policy !== "none") copyHere(setting.folder, "policy.lua");
    return run(setting, proxyConfig(setting));
  },
};

const BODY = "x".repeat(1024);

/** Answers 1 KB on both ports; `/seen` says what of the request arrived, and where. */
export function startUpstream(folder: string, a: number, b: number): Promise<RunningContender> {
  const config = `
worker_processes 1; daemon off; pid nginx.pid; error_log stderr;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 3600s; tcp_nodelay on;
  server {
    listen 127.0.0.1:${a}; listen 127.0.0.1:${b};
    default_type text/plain;
    location / { return 200 "${BODY}"; }
    location = /seen { return 200 "$server_port $http_host $http_x_variant $http_x_internal"; }
  }
}`;
  return run({ folder, port: a, cores: LOAD_CORE }, config);
}

function run(
  setting: Pick<Setting, "folder" | "port" | "cores">,
  config: string,
): Promise<RunningContender> {
  const file = path.join(setting.folder, "nginx.conf");
  writeFileSync(file, config);
  const argv = ["nginx", "-p", `${setting.folder}/`, "-e", "stderr", "-c", file];
  return startPinned({ ...setting, argv });
}

function proxyConfig({ upstreams, policy, workers, hasAccessLog, port }: Setting): string {
  const log = hasAccessLog ? `access_log access.log json buffer=64k flush=1s` : "access_log off";
  return `
${policy === "none" ? "" : (luaModules() ?? "")}
worker_processes ${workers}; daemon off; pid nginx.pid; error_log stderr;
events { worker_connections 4096; }
http {
  log_format json escape=json '{"at":"$time_iso8601","ip":"$remote_addr","method":"$request_method","host":"$host","target":"$request_uri","status":$status,"bytes":$body_bytes_sent,"seconds":$request_time,"upstream":"$upstream_addr"}';
  ${log}; keepalive_requests 100000000; keepalive_timeout 3600s;
  upstream a { server ${upstreams.a}; keepalive 256; keepalive_requests 100000000; }
  upstream b { server ${upstreams.b}; keepalive 256; keepalive_requests 100000000; }
  map $http_host $chosen { hostnames; default a; app1.example.test a; app2.example.test b; }
  ${policy === "none" ? "" : 'lua_package_path "$prefix/?.lua;;"; init_worker_by_lua_block { require("policy") }'}
  server {
    listen 127.0.0.1:${port}${workers > 1 ? " reuseport" : ""};
    location / {
      ${policy === "none" ? "" : luaPhases(policy === "request and response")}
      proxy_pass http://${policy === "none" ? "$chosen" : "$variant"}; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
  }
}`;
}

function luaPhases(hasResponse: boolean): string {
  const response = `header_filter_by_lua_block {
        ngx.header["X-Variant"] = ngx.ctx.variant
        ngx.header["Server"] = nil
      }`;
  return `set $variant a;
      access_by_lua_block {
        local client = ngx.var.http_x_client or ngx.var.remote_addr
        local isAllowed, variant = require("policy").decide(client, ngx.now())
        if not isAllowed then return ngx.exit(429) end
        ngx.var.variant = variant
        ${hasResponse ? "ngx.ctx.variant = variant" : ""}
        ngx.req.set_header("X-Variant", variant)
        ngx.req.clear_header("X-Internal")
      }
      ${hasResponse ? response : ""}`;
}

/** The directives that load the Lua module; null when it is not installed. */
function luaModules(): string | null {
  const about = spawnSync("nginx", ["-V"], { encoding: "utf8" }).stderr;
  const folder = /--modules-path=(\S+)/.exec(about)?.[1] ?? "modules";
  const files = ["ndk_http_module", "ngx_http_lua_module"].map((name) => `${folder}/${name}.so`);
  if (!files.every((file) => existsSync(file))) return null;
  return files.map((file) => `load_module ${file};`).join(" ");
}
