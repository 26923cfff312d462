/** Routes and live pointers through Firestore snapshot listeners, joined into one table. */
import type { Firestore, QueryDocumentSnapshot, QuerySnapshot } from "@google-cloud/firestore";
import * as v from "valibot";
import { type PolicyAttachment, policyAttachmentsSchema } from "../domain/policy.ts";
import { RouteSchema, type Route, type RouteTable } from "../domain/route.ts";
import type { Timers } from "../domain/time.ts";
import type { Logger } from "../ports/logger.ts";
import type { RouteSource } from "../ports/route-source.ts";
import { followCollection } from "./follow-collection.ts";

export interface FirestoreRoutesOptions {
  readonly firestore: Firestore;
  readonly timers: Timers;
  readonly log: Logger;
}

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
    return followCollection(this.options, { collection, fields, onSnapshot });
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
