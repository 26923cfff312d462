// Runs one benchmark module and hands its rows to the process that started this one.
import { pathToFileURL } from "node:url";

const [file = ""] = process.argv.slice(2);
const { name, run } = await import(pathToFileURL(file).href);
const { rows } = await run();
process.send({ name, rows });
process.disconnect();
