// `npm run clean`: deletes the platform's data and everything that was built.
import { rmSync } from "node:fs";
import path from "node:path";
import { connect } from "node:net";
import { fail, ROOT } from "./prepare.mjs";

const home = process.env.BIFROST_HOME ?? path.join(ROOT, ".bifrost");

/** A running platform answers on its socket; its data must not vanish under it. */
const running = await new Promise((resolve) => {
  const probe = connect(path.join(home, "platform.sock"));
  probe.once("connect", () => (probe.destroy(), resolve(true)));
  probe.once("error", () => resolve(false));
});
if (running) fail("the platform is running; stop it first (Ctrl-C where it runs), then clean");
for (const folder of [home, path.join(ROOT, "dist"), path.join(ROOT, "coverage")]) {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`Deleted ${home} and everything that was built.\n`);
