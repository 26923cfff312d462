// `npm run sidecar`: builds the native sidecars; sidecar/native/build.ts says how.
import { prepare } from "./prepare.mjs";
import { installed, run } from "./run.mjs";

prepare();
const build = ["sidecar/native/build.ts", ...process.argv.slice(2)];
const { code } = await run(installed("tsx"), build, { show: true });
process.exitCode ||= code;
