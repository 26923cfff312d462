/** `Write`: a handshake, then commits one after the other, each answered in order. */
import { randomBytes } from "node:crypto";
import { optionalString, type Json } from "../wire-json.ts";
import { parseWrites } from "../write.ts";
import type { TwoWayMethod } from "./method.ts";

export const writeStream: TwoWayMethod = (context, caller, peer) => {
  let chain = Promise.resolve();
  let isOpen = true;
  let streamId = "";
  let count = 0;
  const send = (response: object): void => {
    const streamToken = Buffer.from(String(count)).toString("base64");
    if (isOpen) peer.send({ streamToken, ...response });
  };
  const handle = async (request: Json): Promise<void> => {
    if (!isOpen) return;
    context.database.checkDatabase(optionalString(request["database"], "database"));
    if (streamId === "") {
      streamId = randomBytes(8).toString("hex");
      send({ streamId });
      return;
    }
    const writes = parseWrites(request["writes"], context.database);
    const { writeResults, commitTime } = await context.access.commit(caller, writes);
    count += 1;
    send({ writeResults, commitTime });
  };
  return {
    receive(request) {
      chain = chain
        .then(() => handle(request))
        .catch((error: unknown) => {
          if (isOpen) peer.fail(error);
          isOpen = false;
        });
    },
    close() {
      isOpen = false;
    },
  };
};
