/** All ports in memory, one project, and what the handlers did to the world outside. */
import { Readable } from "node:stream";
import { canonicalConfig } from "@bifrost/shared/app-config/canonical";
import { parseAppConfig } from "@bifrost/shared/app-config/parse";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Project } from "@bifrost/shared/domain/project";
import type { StoredAnswer } from "@bifrost/shared/ports/delivery-log";
import { silentLogger } from "@bifrost/shared/ports/logger";
import type { CommitStatus } from "@bifrost/shared/ports/source-host";
import type { PageRequest } from "@bifrost/shared/ports/page-probe";
import type { ImageFile } from "@bifrost/shared/ports/image-files";
import type { Person } from "@bifrost/shared/ports/team-directory";
import type { FeedEvent } from "@bifrost/shared/ports/live-feed";
import { newDeployment, newProject } from "@bifrost/shared/testing/fixtures";
import { hastyTimers } from "@bifrost/shared/testing/hasty-timers";
import { MemoryCluster } from "@bifrost/shared/testing/memory-cluster";
import { MemoryDeploymentStore } from "@bifrost/shared/testing/memory-deployment-store";
import { MemoryImageBuilder } from "@bifrost/shared/testing/memory-image-builder";
import { MemoryObjectStore } from "@bifrost/shared/testing/memory-object-store";
import { MemoryPolicyStore } from "@bifrost/shared/testing/memory-policy-store";
import { MemoryProjectStore } from "@bifrost/shared/testing/memory-project-store";
import { MemoryDomainStore, MemoryRouteStore } from "@bifrost/shared/testing/memory-route-store";
import { MemorySiteCatalog } from "@bifrost/shared/testing/memory-site-catalog";
import { readFunctionConfig } from "../config.ts";
import { platformSettings } from "../platform-settings.ts";
import type { Ports } from "../ports.ts";
import { TEST_ENVIRONMENT } from "./test-environment.ts";

export const DEPLOY_TOML =
  '[app]\nname = "app"\nruntime = "node"\n\n[run]\ncommand = "node a.js"\n';

export class TestPlatform {
  readonly timers = hastyTimers();
  readonly routes = new MemoryRouteStore();
  readonly domains = new MemoryDomainStore(this.routes);
  readonly projects = new MemoryProjectStore(this.routes, this.domains);
  /** Texts of TXT records by name. */
  readonly records = new Map<string, readonly string[]>();
  readonly deployments = new MemoryDeploymentStore(this.projects, this.timers);
  readonly policies = new MemoryPolicyStore(this.timers);
  readonly objects = new MemoryObjectStore();
  readonly images = new MemoryImageBuilder();
  readonly cluster = new MemoryCluster();
  readonly sites = new MemorySiteCatalog();
  /** What every image holds, by path. */
  imageFiles: Readonly<Record<string, string>> = { "index.html": "<h1>home</h1>" };
  readonly pagesAsked: PageRequest[] = [];
  /** Answered one after the other to those who ask for a page; the last one stays. */
  pageStatuses: (number | null)[] = [200];
  readonly config = readFunctionConfig(TEST_ENVIRONMENT);
  /** Bytes of deploy.toml at every commit; null for none. */
  file: Uint8Array | null = new TextEncoder().encode(DEPLOY_TOML);
  readonly published: { topic: string; message: unknown }[] = [];
  readonly started: { workflow: string; args: Readonly<Record<string, unknown>> }[] = [];
  readonly calledBack: { url: string; body: unknown }[] = [];
  readonly statuses: CommitStatus[] = [];
  readonly runningExecutions = new Set<string>();
  readonly people = new Map<string, Person>();
  feed: { emit: (event: FeedEvent) => void; stopped: boolean } | null = null;
  #ids = 0;

  constructor() {
    this.projects.put(newProject());
  }

  project(changes: Partial<Project> = {}): Project {
    const project = newProject(changes);
    this.projects.put(project);
    return project;
  }

  /** A stored deployment; the project has counted it. */
  deployment(changes: Partial<Deployment> = {}): Deployment {
    return this.deployments.put(
      newDeployment({ stateSince: new Date(this.timers.now()), ...changes }),
    );
  }

  /** Stores the config snapshot that validate would have written. */
  async snapshot({ id, attempt }: Deployment, source = DEPLOY_TOML): Promise<void> {
    const parsed = parseAppConfig(source);
    if (!parsed.ok) throw new Error("the test's deploy.toml is not valid");
    await this.deployments.writeNote(id, "snapshot/config", {
      config: canonicalConfig(parsed.config),
      settings: platformSettings(this.config),
      attempt,
    });
  }

  async read(id: Deployment["id"]): Promise<Deployment> {
    const found = await this.deployments.read(id);
    if (found === null) throw new Error(`${id} is not stored`);
    return found.value;
  }

  readonly ports: Ports = {
    config: this.config,
    timers: this.timers,
    clock: this.timers,
    log: silentLogger,
    random: (length) => {
      const count = this.#ids++;
      return Uint8Array.from({ length }, (_, at) => (count >> (at * 4)) & 15);
    },
    callers: {
      async verify(token) {
        const service = /^token-of-(.+)$/.exec(token)?.[1];
        if (service === undefined) throw new BifrostError("unauthenticated", "not a test token");
        return { service, email: `${service}@test.iam.gserviceaccount.com` };
      },
    },
    signer: { customToken: async (service) => `custom-token-of-${service}` },
    deployments: this.deployments,
    projects: this.projects,
    routes: this.routes,
    domains: this.domains,
    deliveries: memoryLog<Readonly<Record<string, unknown>>>(),
    idempotency: memoryLog<StoredAnswer>(),
    teams: {
      byApiKeyHash: async (hash) => this.people.get(hash) ?? null,
      byIdToken: async (token) => this.people.get(token) ?? null,
    },
    sourceHost: async () => ({
      readFile: async () => this.file,
      resolve: async (_, ref) => (ref === "no-such" ? null : newDeployment().commit),
      tarball: async () => new Response("tarball").body ?? new ReadableStream(),
      setStatus: async (_, __, status) => {
        this.statuses.push(status);
      },
    }),
    policies: this.policies,
    objects: async () => this.objects,
    sites: this.sites,
    imageFiles: { read: () => imageFilesOf(this.imageFiles) },
    pages: {
      statusOf: async (page) => {
        this.pagesAsked.push(page);
        return this.pageStatuses.length > 1
          ? (this.pageStatuses.shift() ?? null)
          : (this.pageStatuses[0] ?? null);
      },
    },
    images: async () => this.images,
    cluster: async () => this.cluster,
    events: async () => ({
      publish: async (topic, message) => {
        this.published.push({ topic, message });
      },
    }),
    domainRecords: async () => ({ texts: async (name) => this.records.get(name) ?? [] }),
    workflows: async () => ({
      start: async (workflow, args) => {
        this.started.push({ workflow, args });
        return `execution-${this.started.length}`;
      },
      isRunning: async (_, id) => this.runningExecutions.has(id),
      callBack: async (url, body) => {
        this.calledBack.push({ url, body });
      },
    }),
    feed: async () => ({
      follow: (_, listener) => {
        const feed = { emit: listener, stopped: false };
        this.feed = feed;
        return () => {
          feed.stopped = true;
        };
      },
    }),
    typeMaps: async () => ({ attributesOf: () => undefined }),
  };
}

async function* imageFilesOf(files: Readonly<Record<string, string>>): AsyncGenerator<ImageFile> {
  for (const [path, text] of Object.entries(files)) {
    const bytes = Buffer.from(text);
    yield { path, size: bytes.length, content: Readable.from([bytes]) };
  }
}

/** The first answer stays, as in the real one. */
function memoryLog<Answer>() {
  const answers = new Map<string, Answer>();
  return {
    find: async (key: string) => answers.get(key) ?? null,
    record: async (key: string, answer: Answer) => {
      if (!answers.has(key)) answers.set(key, answer);
    },
  };
}

/** A push of Pub/Sub, as its subscription delivers it. */
export function pushRequest(
  message: unknown,
  attributes: Readonly<Record<string, string>> = {},
): Request {
  const data = Buffer.from(JSON.stringify(message)).toString("base64");
  return new Request("http://functions.test/", {
    method: "POST",
    headers: { authorization: "Bearer token-of-pubsub" },
    body: JSON.stringify({ message: { data, attributes, messageId: "m1" }, subscription: "s" }),
  });
}
