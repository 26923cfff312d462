/** Server-sent events of one deployment: what is stored, then every change, for clients without a Firestore SDK. */
import type { DeploymentId } from "@bifrost/shared/domain/ids";
import type { StreamEvent } from "@bifrost/shared/api/schemas";
import type { Timer } from "@bifrost/shared/domain/time";
import type { FeedEvent } from "@bifrost/shared/ports/live-feed";
import type { Ports } from "../ports.ts";
import { toDeploymentView, toLogView, toTransitionView } from "./views.ts";

/** Keeps intermediaries from closing a quiet stream. */
const HEARTBEAT_MS = 15_000;
/** A client that does not read is cut off rather than buffered without end. */
const MAX_PENDING_CHUNKS = 4_096;

export async function streamDeployment(
  ports: Pick<Ports, "feed" | "timers" | "log">,
  id: DeploymentId,
  signal: AbortSignal,
): Promise<Response> {
  const feed = await ports.feed();
  let stop = nothing;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const encoder = new TextEncoder();
        let open = true;
        let unfollow = nothing;
        let nextBeat: Timer | null = null;
        // Also called when the reader leaves: from then on the controller throws at whatever it is given.
        stop = () => {
          open = false;
          nextBeat?.cancel();
          unfollow();
        };
        const close = (error?: unknown) => {
          if (!open) return;
          stop();
          if (error === undefined) controller.close();
          else controller.error(error);
        };
        const send = (text: string) => {
          if (!open) return;
          if ((controller.desiredSize ?? 0) < -MAX_PENDING_CHUNKS)
            return close(new Error("the reader is too slow"));
          controller.enqueue(encoder.encode(text));
        };
        const beat = () => {
          if (!open) return;
          send(": beat\n\n");
          nextBeat = ports.timers.after(HEARTBEAT_MS, beat);
        };
        unfollow = feed.follow(
          id,
          (event) => send(frame(toStreamEvent(event))),
          (error) => {
            ports.log.warn("deployment stream ended", { deploymentId: id, error });
            close();
          },
        );
        signal.addEventListener("abort", () => close(), { once: true });
        send(": open\n\n");
        beat();
      },
      cancel: () => stop(),
    },
    { highWaterMark: 0 },
  );
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    },
  });
}

const nothing = (): void => undefined;

function frame(event: StreamEvent): string {
  return `event: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`;
}

function toStreamEvent(event: FeedEvent): StreamEvent {
  switch (event.kind) {
    case "deployment":
      return { kind: "deployment", deployment: toDeploymentView(event.deployment) };
    case "transition":
      return { kind: "transition", transition: toTransitionView(event.transition) };
    case "log":
      return { kind: "log", log: toLogView(event.chunk) };
    default:
      return event satisfies never;
  }
}
