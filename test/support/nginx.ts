/** nginx with ops/compose/nginx.conf, on ports of this machine. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ROOT, temporaryFolder } from "./folders.ts";
import { descendantsOf, endWithTests } from "./processes.ts";
import { until } from "./until.ts";

export interface RunningNginx {
  readonly address: string;
  /** Marks these gateways, counted from 0, as `down` in the file; resolves when only workers with that file accept. */
  takeOut(down: readonly number[]): Promise<void>;
  stop(): Promise<void>;
}

/** nginx's own folders are root's: everything it writes lies in the folder it is started in. */
const WRITES = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
  .map((name) => `${name}_temp_path ${name}_temp;`)
  .join(" ");

/** The text of ops/compose/nginx.conf with these ports instead of the containers' names. */
export function localNginxConfig(
  port: number,
  gateways: readonly number[],
  down: readonly number[] = [],
): string {
  const shipped = readFileSync(path.join(ROOT, "ops", "compose", "nginx.conf"), "utf8");
  const served = shipped
    .replaceAll(/server bifrost-(\d+):8080/g, (_, number: string) => {
      const index = Number(number) - 1;
      return `server 127.0.0.1:${gateways[index]}${down.includes(index) ? " down" : ""}`;
    })
    .replace("listen 80;", `listen 127.0.0.1:${port};`)
    .replace("http {", `http {\n    access_log off; ${WRITES}`);
  const user = process.getuid?.() === 0 ? "user root;" : "";
  return `${user} daemon off; pid nginx.pid; error_log stderr;\n${served}`;
}

/** Writes the file into a folder of its own. */
export function writeNginxConfig(config: string): { file: string; argv: readonly string[] } {
  const folder = temporaryFolder("bf-nginx-");
  const file = path.join(folder, "nginx.conf");
  writeFileSync(file, config);
  return { file, argv: ["-p", `${folder}/`, "-e", "stderr", "-c", file] };
}

export async function startNginx(port: number, gateways: readonly number[]): Promise<RunningNginx> {
  const { file, argv } = writeNginxConfig(localNginxConfig(port, gateways));
  const nginx = spawn("nginx", argv, { stdio: ["ignore", "ignore", "pipe"] });
  endWithTests(nginx);
  let said = "";
  nginx.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = new Promise<never>((_, reject) => {
    nginx.once("close", (code) => reject(new Error(`nginx ended with ${code}:\n${said}`)));
  });
  ended.catch(() => undefined); // heard only while it starts
  const address = `http://127.0.0.1:${port}`;
  const answers = until(async () => (await fetch(`${address}/health`)).ok, { what: "nginx" });
  await Promise.race([answers, ended]);
  return {
    address,
    async takeOut(down) {
      const former = new Set(acceptingWorkers(nginx));
      writeFileSync(file, localNginxConfig(port, gateways, down));
      nginx.kill("SIGHUP");
      await until(
        () => {
          const now = acceptingWorkers(nginx);
          return now.length > 0 && now.every((pid) => !former.has(pid));
        },
        { what: "nginx with another file" },
      );
    },
    stop: () => stop(nginx),
  };
}

/** Those of a former file say in their title that they are shutting down. */
function acceptingWorkers({ pid = 0 }: ChildProcess): readonly number[] {
  return descendantsOf(pid)
    .filter(({ commandLine }) => commandLine.trim() === "nginx: worker process")
    .map((worker) => worker.pid);
}

async function stop(nginx: ChildProcess): Promise<void> {
  if (nginx.exitCode !== null) return;
  const gone = new Promise<void>((resolve) => nginx.once("exit", () => resolve()));
  nginx.kill("SIGQUIT");
  await gone;
}
