// `npm start`: the whole platform on this machine.
import path from "node:path";
import { pathToFileURL } from "node:url";
import { bundle, DIST } from "./bundle.mjs";
import { prepare } from "./prepare.mjs";

prepare();
await bundle();
await import(pathToFileURL(path.join(DIST, "local.mjs")).href);
