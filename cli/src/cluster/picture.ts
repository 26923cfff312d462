/** The cluster as each of its gateways sees it: those that were named, and those that they know. */
import type { ClusterDetails, ClusterStatus } from "@bifrost/shared/api/cluster";
import { type BifrostError, isBifrostError, messageOf } from "@bifrost/shared/domain/errors";
import { type ControlClient, tokenNeeded } from "./control-client.ts";

export interface FullView {
  /** Address of the control API that was asked. */
  readonly control: string;
  readonly status: ClusterStatus;
  /** What only the holder of the token sees. */
  readonly details: ClusterDetails;
}

export interface Silent {
  readonly control: string;
  readonly problem: string;
  /** What it said instead; null = nothing. */
  readonly refusal: BifrostError | null;
}

export interface Picture {
  /** When it was taken, in ms. */
  readonly at: number;
  readonly views: readonly FullView[];
  /** Gateways that were named, or known to others as alive, and did not answer, or not to this token. */
  readonly silent: readonly Silent[];
  /** Lines of the gateways' logs, oldest first. */
  readonly log: readonly string[];
}

/** More members than any cluster should have are not asked one by one. */
const MOST_ASKED = 64;

export interface Asked {
  readonly clients: readonly ControlClient[];
  readonly clientAt: (address: string) => ControlClient;
}

export async function takePicture(
  { clients, clientAt }: Asked,
  { at, log }: Pick<Picture, "at" | "log">,
): Promise<Picture> {
  const views: FullView[] = [];
  const silent: Silent[] = [];
  const known = new Set(clients.map(({ address }) => address));
  let next = clients;
  while (next.length > 0) {
    const answers = await Promise.all(next.map(ask));
    for (const answer of answers) {
      if ("status" in answer) views.push(answer);
      else silent.push(answer);
    }
    next = newControls(views, known).map((address) => clientAt(address));
  }
  return { at, views: onePerNode(views), silent, log };
}

async function ask(client: ControlClient): Promise<FullView | Silent> {
  const control = client.address;
  try {
    const status = await client.status();
    const { details } = status;
    if (details === undefined) throw tokenNeeded(control);
    return { control, status, details };
  } catch (error) {
    const isRefusal = isBifrostError(error) && error.code !== "upstream-unavailable";
    return { control, problem: messageOf(error), refusal: isRefusal ? error : null };
  }
}

/**
 * Of members that should answer and have not; remembers them in `known`. A node that was reached at an address of the
 * operator's need not be reached at its own, which may lie in a network that only the nodes are in.
 */
function newControls(views: readonly FullView[], known: Set<string>): readonly string[] {
  const answered = new Set(views.map(({ status }) => status.local_node));
  const members = views.flatMap(({ details }) => details.members);
  return members.flatMap(({ nodeId, state, control }) => {
    const address = `http://${control}`;
    const isNew =
      state === "alive" && control !== "" && !answered.has(nodeId) && !known.has(address);
    if (!isNew || known.size >= MOST_ASKED) return [];
    known.add(address);
    return [address];
  });
}

/** A node may be reached at several addresses. */
function onePerNode(views: readonly FullView[]): readonly FullView[] {
  return [
    ...new Map(views.toReversed().map((view) => [view.status.local_node, view])).values(),
  ].toReversed();
}
