/** nginx with ops/compose/nginx.conf, on ports of this machine. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ROOT, temporaryFolder } from "./folders.ts";
import { endWithTests } from "./processes.ts";
import { until } from "./until.ts";

export interface RunningNginx {
  readonly address: string;
  stop(): Promise<void>;
}

/** nginx's own folders are root's: everything it writes lies in the folder it is started in. */
const WRITES = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
  .map((name) => `${name}_temp_path ${name}_temp;`)
  .join(" ");

/** The text of ops/compose/nginx.conf with these ports instead of the containers' names; nothing else of it is changed. */
export function localNginxConfig(port: number, gateways: readonly number[]): string {
  const shipped = readFileSync(path.join(ROOT, "ops", "compose", "nginx.conf"), "utf8");
  const served = shipped
    .replaceAll(/server bifrost-(\d+):8080/g, (_, number: string) => {
      return `server 127.0.0.1:${gateways[Number(number) - 1]}`;
    })
    .replace("listen 80;", `listen 127.0.0.1:${port};`)
    .replace("http {", `http {\n    access_log off; ${WRITES}`);
  const user = process.getuid?.() === 0 ? "user root;" : "";
  return `${user} daemon off; pid nginx.pid; error_log stderr;\n${served}`;
}

/** As `nginx -c` wants it, in a folder of its own. */
export function nginxArguments(config: string): readonly string[] {
  const folder = temporaryFolder("bf-nginx-");
  const file = path.join(folder, "nginx.conf");
  writeFileSync(file, config);
  return ["-p", `${folder}/`, "-e", "stderr", "-c", file];
}

export async function startNginx(port: number, gateways: readonly number[]): Promise<RunningNginx> {
  const nginx = spawn("nginx", nginxArguments(localNginxConfig(port, gateways)), {
    stdio: ["ignore", "ignore", "pipe"],
  });
  endWithTests(nginx);
  let said = "";
  nginx.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = new Promise<never>((_, reject) => {
    nginx.once("exit", (code) => reject(new Error(`nginx ended with ${code}:\n${said}`)));
  });
  ended.catch(() => undefined); // heard only while it starts
  const address = `http://127.0.0.1:${port}`;
  const answers = until(async () => (await fetch(`${address}/health`)).ok, { what: "nginx" });
  await Promise.race([answers, ended]);
  return { address, stop: () => stop(nginx) };
}

async function stop(nginx: ChildProcess): Promise<void> {
  if (nginx.exitCode !== null) return;
  const gone = new Promise<void>((resolve) => nginx.once("exit", () => resolve()));
  nginx.kill("SIGQUIT");
  await gone;
}
