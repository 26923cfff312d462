// Runs one benchmark module and hands its rows to the process that started this one.
import { pathToFileURL } from "node:url";

const [file = "", ...flags] = process.argv.slice(2);
const { name, run } = await import(pathToFileURL(file).href);
const { rows } = await run({ isQuick: flags.includes("--quick") });
process.send({ name, rows });
process.disconnect();
