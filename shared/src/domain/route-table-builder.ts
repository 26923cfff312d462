/** Builds the table of routes from documents: only what changed is parsed, and what is not valid stays what it was. */
import * as v from "valibot";
import type { ConfigDocument, ConfigKind, ConfigSnapshot } from "./config-document.ts";
import type { ConfigVersion } from "./config-version.ts";
import { type PolicyAttachment, policyAttachmentsSchema } from "./policy.ts";
import { type Route, RouteSchema, type RouteTable } from "./route.ts";

export const ROUTE_KINDS = ["routes", "projects", "settings"] as const satisfies ConfigKind[];
export type RouteKind = (typeof ROUTE_KINDS)[number];

/** A document that is not what it should be: what it said before stays in force. */
export interface InvalidDocument {
  readonly document: string;
  readonly problem: string;
  readonly before: "nothing" | "known";
}

type Complain = (invalid: InvalidDocument) => void;

/**
 * Stands in for attachments that cannot be read: a policy that nobody can store. What names it answers an error, so
 * that a slip in a list of policies closes a door and never opens one.
 */
const UNREADABLE: readonly PolicyAttachment[] = [{ policy: "unreadable policies", config: {} }];

const attachmentsSchema = v.optional(policyAttachmentsSchema, []);

export class RouteTableBuilder {
  private readonly routesRead: ReadDocuments<Route>;
  private readonly projectsRead: ReadDocuments<readonly PolicyAttachment[]>;
  private readonly settingsRead: ReadDocuments<readonly PolicyAttachment[]>;
  private routes: Pick<RouteTable, "routes"> | null = null;
  private projects: Omit<RouteTable, "routes" | "platformPolicies"> | null = null;
  private settings: Pick<RouteTable, "platformPolicies"> | null = null;

  constructor(complain: Complain) {
    this.routesRead = new ReadDocuments("routes", readRoute, complain);
    this.projectsRead = new ReadDocuments("projects", readPolicies, complain);
    this.settingsRead = new ReadDocuments("settings", readPolicies, complain);
  }

  /** null until each kind was told once. */
  update(kind: RouteKind, { documents }: Pick<ConfigSnapshot, "documents">): RouteTable | null {
    if (kind === "routes") this.routes = { routes: this.routesRead.update(documents) };
    else if (kind === "projects") this.projects = this.readProjects(documents);
    else
      this.settings = {
        platformPolicies: this.settingsRead.update(documents).get("gateway") ?? [],
      };
    const { routes, projects, settings } = this;
    if (routes === null || projects === null || settings === null) return null;
    return { ...routes, ...projects, ...settings };
  }

  private readProjects(
    documents: ConfigSnapshot["documents"],
  ): Omit<RouteTable, "routes" | "platformPolicies"> {
    return {
      live: textsIn(documents, "liveDeploymentId"),
      former: textsIn(documents, "formerDeploymentId"),
      teams: textsIn(documents, "teamId"),
      projectPolicies: this.projectsRead.update(documents),
    };
  }
}

/** How a document is read: `otherwise` is what counts while no valid version of it was ever seen; undefined = nothing. */
interface Reading<Value> {
  parse(id: string, value: object): v.SafeParseResult<v.GenericSchema<unknown, Value>>;
  readonly otherwise?: Value;
  isSame(one: Value, other: Value): boolean;
}

const readRoute: Reading<Route> = {
  parse: (id, value) => v.safeParse(RouteSchema, { ...value, host: id }),
  isSame: (one, other) => one === other,
};

const readPolicies: Reading<readonly PolicyAttachment[]> = {
  parse: (_, value) =>
    v.safeParse(attachmentsSchema, "policies" in value ? value.policies : undefined),
  otherwise: UNREADABLE,
  // Most projects have none, and their other fields change more often.
  isSame: (one, other) => one.length === 0 && other.length === 0,
};

/** Of one kind, by id. As long as nothing differs, every answer is the same object. */
class ReadDocuments<Value> {
  private readonly kind: string;
  private readonly reading: Reading<Value>;
  private readonly complain: Complain;
  private values: ReadonlyMap<string, Value> = new Map();
  private versions = new Map<string, ConfigVersion>();

  constructor(kind: string, reading: Reading<Value>, complain: Complain) {
    this.kind = kind;
    this.reading = reading;
    this.complain = complain;
  }

  update(documents: ConfigSnapshot["documents"]): ReadonlyMap<string, Value> {
    const values = new Map<string, Value>();
    const versions = new Map<string, ConfigVersion>();
    let isSame = true;
    for (const [id, document] of documents) {
      if (document.value === null) continue;
      const known = this.values.get(id);
      const isKnown = this.versions.get(id) === document.version;
      const value = isKnown ? known : this.read(document, document.value, known);
      versions.set(id, document.version);
      if (value !== undefined) values.set(id, value);
      if (value !== known) isSame = false;
    }
    this.versions = versions;
    if (!isSame || values.size !== this.values.size) this.values = values;
    return this.values;
  }

  private read({ id }: ConfigDocument, value: object, known: Value | undefined): Value | undefined {
    const parsed = this.reading.parse(id, value);
    if (!parsed.success) {
      this.complain({
        document: `${this.kind}/${id}`,
        problem: parsed.issues[0].message,
        before: known === undefined ? "nothing" : "known",
      });
      return known ?? this.reading.otherwise;
    }
    const read = parsed.output;
    return known !== undefined && this.reading.isSame(known, read) ? known : read;
  }
}

/** A field that is text, by id; documents without it are absent. */
function textsIn(
  documents: ConfigSnapshot["documents"],
  field: string,
): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const [id, { value }] of documents) {
    const text = value?.[field];
    if (typeof text === "string" && text !== "") texts.set(id, text);
  }
  return texts;
}
