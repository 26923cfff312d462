/** Child process of the crash test: serves a directory and says its port. */
import { startTestFirestore } from "./firestore-fixture.ts";

const server = await startTestFirestore({ dataDir: process.argv[2] ?? "" });
process.stdout.write(`${server.port}\n`);
