/** Caddy as a proxy; it has no Lua. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { lacks } from "../../../support/processes.ts";
import { type Contender, type Setting, startPinned } from "./contender.ts";

export const caddy: Contender = {
  name: "caddy",
  lacks({ policy, workers, hasAccessLog }) {
    if (policy !== "none") return "caddy has no Lua";
    return workers > 1 || hasAccessLog
      ? "only compared with one worker and no log"
      : lacks("caddy");
  },
  start(setting) {
    const { folder } = setting;
    const file = path.join(folder, "Caddyfile");
    writeFileSync(file, config(setting));
    return startPinned({
      ...setting,
      argv: ["caddy", "run", "--config", file, "--adapter", "caddyfile"],
      env: { GOMAXPROCS: "1", HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    });
  },
};

function config({ port, upstreams }: Setting): string {
  return `
{
  admin off
  auto_https off
}
(pooled) {
  transport http {
    keepalive_idle_conns_per_host 512
  }
}
http://:${port} {
  bind 127.0.0.1
  @second host app2.example.test
  reverse_proxy @second ${upstreams.b} {
    import pooled
  }
  reverse_proxy ${upstreams.a} {
    import pooled
  }
}
`;
}
