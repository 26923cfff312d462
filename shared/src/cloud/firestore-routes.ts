/** Routes and live pointers through Firestore snapshot listeners, joined into one table. */
import type {
  Firestore,
  QueryDocumentSnapshot,
  QuerySnapshot,
  Timestamp,
} from "@google-cloud/firestore";
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
const PROJECT_FIELDS = ["teamId", "liveDeploymentId", "formerDeploymentId", "policies"];

/**
 * Stands in for attachments that cannot be read: a policy that nobody can store. What names it answers an error, so
 * that a slip in a list of policies closes a door and never opens one.
 */
const UNREADABLE: readonly PolicyAttachment[] = [{ policy: "unreadable policies", config: {} }];

const attachmentsSchema = v.optional(policyAttachmentsSchema, []);

export class FirestoreRoutes implements RouteSource {
  private readonly options: FirestoreRoutesOptions;

  constructor(options: FirestoreRoutesOptions) {
    this.options = options;
  }

  watch(listener: (table: RouteTable) => void): () => void {
    const { log } = this.options;
    const routesRead = new ReadDocuments(readRoute, log);
    const projectsRead = new ReadDocuments(readPolicies, log);
    const settingsRead = new ReadDocuments(readPolicies, log);
    let routes: ReadonlyMap<string, Route> | null = null;
    let projects: Pick<RouteTable, "live" | "former" | "teams" | "projectPolicies"> | null = null;
    let platformPolicies: RouteTable["platformPolicies"] | null = null;
    const tell = (): void => {
      if (routes === null || projects === null || platformPolicies === null) return;
      listener({ routes, ...projects, platformPolicies });
    };
    const stops = [
      this.follow("routes", ROUTE_FIELDS, (snapshot) => {
        routes = routesRead.update(snapshot.docs);
        tell();
      }),
      this.follow("projects", PROJECT_FIELDS, (snapshot) => {
        projects = {
          live: textsIn(snapshot, "liveDeploymentId"),
          former: textsIn(snapshot, "formerDeploymentId"),
          teams: textsIn(snapshot, "teamId"),
          projectPolicies: projectsRead.update(snapshot.docs),
        };
        tell();
      }),
      this.follow("settings", ["policies"], (snapshot) => {
        platformPolicies = settingsRead.update(snapshot.docs).get("gateway") ?? [];
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
}

/** How a document is read: `otherwise` is what counts while no valid version of it was ever seen; undefined = nothing. */
interface Reading<Value> {
  parse(document: QueryDocumentSnapshot): v.SafeParseResult<v.GenericSchema<unknown, Value>>;
  readonly otherwise?: Value;
  isSame(one: Value, other: Value): boolean;
}

const readRoute: Reading<Route> = {
  parse: (document) => v.safeParse(RouteSchema, { ...document.data(), host: document.id }),
  isSame: (one, other) => one === other,
};

const readPolicies: Reading<readonly PolicyAttachment[]> = {
  parse: (document) => v.safeParse(attachmentsSchema, document.get("policies")),
  otherwise: UNREADABLE,
  // Most projects have none, and their other fields change more often.
  isSame: (one, other) => one.length === 0 && other.length === 0,
};

/**
 * What a collection holds, by document name. Only what changed is parsed; what is not valid any more stays what it was
 * when it last was. As long as nothing differs, every answer is the same object.
 */
class ReadDocuments<Value> {
  private readonly reading: Reading<Value>;
  private readonly log: Logger;
  private values: ReadonlyMap<string, Value> = new Map();
  private versions = new Map<string, Timestamp>();

  constructor(reading: Reading<Value>, log: Logger) {
    this.reading = reading;
    this.log = log;
  }

  update(documents: readonly QueryDocumentSnapshot[]): ReadonlyMap<string, Value> {
    const values = new Map<string, Value>();
    const versions = new Map<string, Timestamp>();
    let isSame = true;
    for (const document of documents) {
      const { id, updateTime } = document;
      const known = this.values.get(id);
      const isKnown = this.versions.get(id)?.isEqual(updateTime) === true;
      const value = isKnown ? known : this.read(document, known);
      versions.set(id, updateTime);
      if (value !== undefined) values.set(id, value);
      if (value !== known) isSame = false;
    }
    this.versions = versions;
    if (!isSame || values.size !== this.values.size) this.values = values;
    return this.values;
  }

  private read(document: QueryDocumentSnapshot, known: Value | undefined): Value | undefined {
    const parsed = this.reading.parse(document);
    if (!parsed.success) {
      this.log.warn("document not valid: what it said before stays in force", {
        document: document.ref.path,
        problem: parsed.issues[0].message,
        before: known === undefined ? "nothing" : "known",
      });
      return known ?? this.reading.otherwise;
    }
    const value = parsed.output;
    return known !== undefined && this.reading.isSame(known, value) ? known : value;
  }
}

/** A field that is text, by document name; documents without it are absent. */
function textsIn(snapshot: QuerySnapshot, field: string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const document of snapshot.docs) {
    const text: unknown = document.get(field);
    if (typeof text === "string" && text !== "") texts.set(document.id, text);
  }
  return texts;
}
