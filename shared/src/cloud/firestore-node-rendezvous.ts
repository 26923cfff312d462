/** `gatewayNodes/{nodeId}`: written by the gateway's own principal, bound by the security rules. */
import * as v from "valibot";
import type { MeetingNode, MetNode, NodeRendezvous } from "../ports/node-rendezvous.ts";
import { type FirestoreRest, whereEqual } from "./firestore-rest.ts";
import { encodeValue } from "./firestore-values.ts";

const COLLECTION = "gatewayNodes";

const NodeSchema = v.object({ address: v.string(), seenAt: v.date() });

export class FirestoreNodeRendezvous implements NodeRendezvous {
  readonly #firestore: Pick<FirestoreRest, "commit" | "query">;

  constructor(firestore: Pick<FirestoreRest, "commit" | "query">) {
    this.#firestore = firestore;
  }

  async announce({ nodeId, serviceName, address }: MeetingNode): Promise<number> {
    const fields = { serviceName, address };
    const write = { set: pathOf(nodeId), fields, serverTimes: ["seenAt"] };
    return (await this.#firestore.commit([write])).commitTime.getTime();
  }

  async withdraw(nodeId: string): Promise<void> {
    await this.#firestore.commit([{ delete: pathOf(nodeId) }]);
  }

  async list(serviceName: string, limit: number): Promise<readonly MetNode[]> {
    const documents = await this.#firestore.query("", {
      from: [{ collectionId: COLLECTION }],
      where: whereEqual({ serviceName }, encodeValue),
      limit,
    });
    return documents.flatMap(({ path, fields }) => {
      const result = v.safeParse(NodeSchema, fields);
      if (!result.success) return [];
      const { address, seenAt } = result.output;
      const nodeId = path.slice(COLLECTION.length + 1);
      return [{ nodeId, serviceName, address, seenAt: seenAt.getTime() }];
    });
  }
}

function pathOf(nodeId: string): string {
  return `${COLLECTION}/${nodeId}`;
}
