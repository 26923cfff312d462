/** The cluster as each of its gateways sees it: those that were named, and those that they know. */
import type { ClusterDetails, ClusterStatus } from "@bifrost/shared/api/cluster";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { ControlClient } from "./control-client.ts";

export interface View {
  /** Address of the control API that was asked. */
  readonly control: string;
  readonly status: ClusterStatus;
}

/** With what only the holder of the token sees. */
export interface FullView extends View {
  readonly details: ClusterDetails;
}

export interface Picture {
  /** When it was taken, in ms. */
  readonly at: number;
  readonly views: readonly FullView[];
  /** Gateways that were named, or known to others as alive, and did not answer. */
  readonly silent: readonly { readonly control: string; readonly problem: string }[];
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
  const views: View[] = [];
  const silent: Picture["silent"][number][] = [];
  const known = new Set(clients.map(({ address }) => address));
  let next = clients;
  while (next.length > 0) {
    const answers = await Promise.all(next.map(ask));
    for (const answer of answers) {
      if ("status" in answer) views.push(answer);
      else silent.push(answer);
    }
    next = newControls(answers, known).map((address) => clientAt(address));
  }
  return { at, views: onePerNode(views).flatMap(fully), silent, log };
}

type Answer = View | Picture["silent"][number];

async function ask(client: ControlClient): Promise<Answer> {
  const control = client.address;
  try {
    return { control, status: await client.status() };
  } catch (error) {
    return { control, problem: messageOf(error) };
  }
}

/** Of members that should answer and whose address nobody has been asked at; remembers them in `known`. */
function newControls(answers: readonly Answer[], known: Set<string>): readonly string[] {
  const members = answers.flatMap((answer) =>
    "status" in answer ? (answer.status.details?.members ?? []) : [],
  );
  return members.flatMap(({ state, control }) => {
    const address = `http://${control}`;
    const isNew = state === "alive" && control !== "" && !known.has(address);
    if (!isNew || known.size >= MOST_ASKED) return [];
    known.add(address);
    return [address];
  });
}

/** A node may be reached at several addresses. */
function onePerNode(views: readonly View[]): readonly View[] {
  return [
    ...new Map(views.toReversed().map((view) => [view.status.local_node, view])).values(),
  ].toReversed();
}

function fully(view: View): readonly FullView[] {
  const { details } = view.status;
  return details === undefined ? [] : [{ ...view, details }];
}
