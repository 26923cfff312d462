/** The one Firestore emulator that npm has, in a process of its own. It keeps nothing on disk and has no rules. */
import { FirestoreServer } from "@firestore-emulator/server";
import { freeBasePort } from "../../support/ports.ts";

const server = new FirestoreServer();
const port = await freeBasePort();
await server.start(port);
process.once("disconnect", () => process.exit(0));
process.send?.({ port });
