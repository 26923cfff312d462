/** Child process of the undertaker's test: leaves a marked process that nobody would end, and says its pid. */
import { spawn } from "node:child_process";
import { MARK_VARIABLE, startUndertaker } from "../undertaker.ts";

const [, , mark = "", how = ""] = process.argv;
const undertaker = startUndertaker(mark);
const orphan = spawn("sleep", ["600"], {
  env: { PATH: "/usr/bin:/bin", [MARK_VARIABLE]: mark },
  detached: true,
  stdio: "ignore",
});
if (how === "dismissed") undertaker.dismiss();
process.stdout.write(`${orphan.pid}\n`);
setInterval(() => undefined, 60_000);
