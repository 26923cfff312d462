/** Routes and live pointers through Firestore snapshot listeners, joined into one table. */
import type { Firestore, QueryDocumentSnapshot, QuerySnapshot } from "@google-cloud/firestore";
import * as v from "valibot";
import { messageOf } from "../domain/errors.ts";
import { type PolicyAttachment, policyAttachmentsSchema } from "../domain/policy.ts";
import { RouteSchema, type Route, type RouteTable } from "../domain/route.ts";
import type { Timer, Timers } from "../domain/time.ts";
import type { Logger } from "../ports/logger.ts";
import type { RouteSource } from "../ports/route-source.ts";

export interface FirestoreRoutesOptions {
  readonly firestore: Firestore;
  readonly timers: Timers;
  readonly log: Logger;
}

/** The client reconnects by itself; only errors it gives up on reach us, and are tried again after this. */
const RESUBSCRIBE_MS = 1000;

const ROUTE_FIELDS = Object.keys(RouteSchema.entries);
const PROJECT_FIELDS = ["liveDeploymentId", "formerDeploymentId", "policies"];

export class FirestoreRoutes implements RouteSource {
  private readonly options: FirestoreRoutesOptions;

  constructor(options: FirestoreRoutesOptions) {
    this.options = options;
  }

  watch(listener: (table: RouteTable) => void): () => void {
    let routes: ReadonlyMap<string, Route> | null = null;
    let projects: Pick<RouteTable, "live" | "former" | "projectPolicies"> | null = null;
    let platformPolicies: RouteTable["platformPolicies"] | null = null;
    const tell = (): void => {
      if (routes === null || projects === null || platformPolicies === null) return;
      listener({ routes, ...projects, platformPolicies });
    };
    const stops = [
      this.follow("routes", ROUTE_FIELDS, (snapshot) => {
        routes = this.routesIn(snapshot);
        tell();
      }),
      this.follow("projects", PROJECT_FIELDS, (snapshot) => {
        projects = {
          live: pointersIn(snapshot, "liveDeploymentId"),
          former: pointersIn(snapshot, "formerDeploymentId"),
          projectPolicies: new Map(
            snapshot.docs.map((document) => [document.id, this.policiesIn(document)]),
          ),
        };
        tell();
      }),
      this.follow("settings", ["policies"], (snapshot) => {
        const settings = snapshot.docs.find((document) => document.id === "gateway");
        platformPolicies = settings === undefined ? [] : this.policiesIn(settings);
        tell();
      }),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  private follow(
    collection: string,
    fields: readonly string[],
    onSnapshot: (snapshot: QuerySnapshot) => void,
  ): () => void {
    const { firestore, timers, log } = this.options;
    let stop: (() => void) | null = null;
    let retry: Timer | null = null;
    const subscribe = (): void => {
      stop = firestore
        .collection(collection)
        .select(...fields)
        .onSnapshot(onSnapshot, (error) => {
          log.warn("firestore listener ended", { collection, error: messageOf(error) });
          retry = timers.after(RESUBSCRIBE_MS, subscribe);
        });
    };
    subscribe();
    return () => {
      retry?.cancel();
      stop?.();
    };
  }

  private policiesIn(document: QueryDocumentSnapshot): readonly PolicyAttachment[] {
    const attached: unknown = document.get("policies");
    const parsed = v.safeParse(v.optional(policyAttachmentsSchema, []), attached);
    if (parsed.success) return parsed.output;
    this.options.log.warn("policies ignored: not valid", {
      document: document.ref.path,
      problem: parsed.issues[0].message,
    });
    return [];
  }

  private routesIn(snapshot: QuerySnapshot): ReadonlyMap<string, Route> {
    const routes = new Map<string, Route>();
    for (const document of snapshot.docs) {
      const parsed = v.safeParse(RouteSchema, { host: document.id, ...document.data() });
      if (parsed.success) routes.set(parsed.output.host, parsed.output);
      else {
        this.options.log.warn("route ignored: not valid", {
          host: document.id,
          problem: parsed.issues[0].message,
        });
      }
    }
    return routes;
  }
}

function pointersIn(snapshot: QuerySnapshot, field: string): ReadonlyMap<string, string> {
  const pointers = new Map<string, string>();
  for (const document of snapshot.docs) {
    const pointer: unknown = document.get(field);
    if (typeof pointer === "string" && pointer !== "") pointers.set(document.id, pointer);
  }
  return pointers;
}
