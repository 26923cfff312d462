/** Child process of the recovery test: serves a data directory on a port until it is killed, and says when it does. */
import { startTestFirestore } from "../../local/src/firestore/testing/firestore-fixture.ts";

const [dataDir = "", port = "0"] = process.argv.slice(2);
const server = await startTestFirestore({ dataDir, port: Number(port) });
process.stdout.write(`${server.port}\n`);
