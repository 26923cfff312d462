/** Where builds go: below dist, which `npm run clean` deletes. */
import path from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** <machine>/<variant> */
export const NATIVE = path.join(ROOT, "dist", "native");
/** What is kept from one build to the next. */
export const CACHE = path.join(NATIVE, ".cache");
