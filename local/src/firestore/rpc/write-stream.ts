/** `Write`: a handshake, then commits one after the other, each answered in order. */
import { randomBytes } from "node:crypto";
import { optionalString, type Json } from "../wire-json.ts";
import { RpcError } from "../rpc-error.ts";
import { parseWrites } from "../store/write.ts";
import type { TwoWayMethod } from "./method.ts";

/** Requests that wait for the one before them; the clients send ten ahead. */
const MAX_WAITING = 100;

export const writeStream: TwoWayMethod = (context, caller, peer) => {
  let chain = Promise.resolve();
  let isOpen = true;
  let streamId = "";
  let count = 0;
  let waiting = 0;
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
      if (waiting >= MAX_WAITING) {
        throw new RpcError("RESOURCE_EXHAUSTED", `At most ${MAX_WAITING} writes may wait here.`);
      }
      waiting += 1;
      chain = chain
        .then(() => handle(request))
        .catch((error: unknown) => {
          if (isOpen) peer.fail(error);
          isOpen = false;
        })
        .finally(() => {
          waiting -= 1;
        });
    },
    finish: () => chain,
    close() {
      isOpen = false;
    },
  };
};
