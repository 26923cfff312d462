/** A gateway over sites in the real Cloud Storage stand-in, behind a relay that counts, cuts and stalls transfers. */
import { createHash } from "node:crypto";
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { startStorage, type RunningStorage } from "@bifrost/local/storage/index";
import {
  contentName,
  manifestName,
  type SiteFile,
  type SiteManifest,
} from "@bifrost/shared/domain/site-manifest";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import type { ObjectStore } from "@bifrost/shared/ports/object-store";
import type { PublishedFiles } from "@bifrost/shared/ports/backend-source";
import { HOST } from "./proxy-rig.ts";
import { startTestGateway, TEST_BUCKET, type TestGateway } from "./test-gateway.ts";

const PROJECT = "project";
export const PROBE_TOKEN = "a-token-for-probes";

/** Stands before the storage and can be made to fail in every way that a network can. */
class Relay {
  /** Names of the objects that were read, in order. */
  readonly reads: string[] = [];
  /** Downloads under way. */
  open = 0;
  /** `away`: connections are cut. `stuck`: a download stops after its first part. */
  state: "well" | "away" | "stuck" = "well";
  private readonly server: Server;
  private readonly target: number;

  constructor(target: number) {
    this.target = target;
    this.server = createServer((asked, answer) => this.pass(asked, answer));
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private pass(asked: IncomingMessage, answer: ServerResponse): void {
    const { method, url = "", headers } = asked;
    if (this.state === "away") return void asked.socket.destroy();
    const isDownload = method === "GET" && url.includes("alt=media");
    if (isDownload)
      this.reads.push(decodeURIComponent(url.replace(/\?.*/, "").replace(/.*\//, "")));
    const passed = request(
      { host: "127.0.0.1", port: this.target, method, path: url, headers },
      (found) => {
        answer.writeHead(found.statusCode ?? 500, found.headers);
        if (isDownload) this.follow(answer);
        found.once("data", () => {
          if (this.state === "stuck") found.pause();
        });
        found.pipe(answer);
        if (this.state === "stuck") found.unpipe(answer).on("data", (part) => answer.write(part));
      },
    );
    passed.on("error", () => answer.destroy());
    answer.on("close", () => passed.destroy());
    asked.pipe(passed);
  }

  private follow(answer: ServerResponse): void {
    this.open++;
    answer.on("close", () => this.open--);
  }
}

export class SiteRig {
  readonly running: TestGateway;
  readonly relay: Relay;
  private readonly objects: ObjectStore;
  private readonly storage: RunningStorage;
  private readonly releases: Record<string, PublishedFiles> = {};

  private constructor(
    parts: Pick<SiteRig, "running" | "relay"> & { objects: ObjectStore; storage: RunningStorage },
  ) {
    this.running = parts.running;
    this.relay = parts.relay;
    this.objects = parts.objects;
    this.storage = parts.storage;
  }

  /** `connect` makes the adapter under test for a storage at this address. */
  static async start(connect: (endpoint: string) => Promise<ObjectStore>): Promise<SiteRig> {
    const storage = await startStorage({ timers: systemTimers, log: silentLogger });
    await storage.ensureBucket(TEST_BUCKET);
    const relay = new Relay(storage.port);
    const endpoint = await relay.listen();
    const objects = await connect(endpoint);
    const running = await startTestGateway({ bucket: objects });
    return new SiteRig({ running, relay, objects, storage });
  }

  async stop(): Promise<void> {
    await this.running.gateway.stop(0);
    this.relay.stop();
    await this.storage.stop();
  }

  get port(): number {
    return this.running.gateway.port;
  }

  /** Stores a release and makes it the live one of HOST. `forms` are encoded forms by path. */
  async publish(
    deploymentId: string,
    contents: Readonly<Record<string, string | Buffer>>,
    options: {
      spa?: boolean;
      forms?: Readonly<Record<string, Partial<Record<"br" | "gzip", Buffer>>>>;
    } = {},
  ): Promise<void> {
    const place = { projectId: PROJECT, deploymentId };
    const files: SiteFile[] = [];
    for (const [path, content] of Object.entries(contents)) {
      const bytes = Buffer.from(content);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      await this.put(contentName(place, sha256), bytes);
      const encodings: { br?: number; gzip?: number } = {};
      for (const [encoding, form] of Object.entries(options.forms?.[path] ?? {})) {
        encodings[encoding as "br" | "gzip"] = form.length;
        await this.put(contentName(place, sha256, encoding as "br" | "gzip"), form);
      }
      files.push({ path, sha256, size: bytes.length, encodings });
    }
    const manifest: SiteManifest = { version: 1, spa: options.spa ?? false, files };
    await this.put(manifestName(place), Buffer.from(JSON.stringify(manifest)));
    this.serve(deploymentId);
  }

  /** Makes it live, whether its objects are there or not. */
  serve(deploymentId: string): void {
    const manifest = manifestName({ projectId: PROJECT, deploymentId });
    this.releases[deploymentId] = { manifest, probeToken: PROBE_TOKEN };
    const releases = Object.entries(this.releases).map(([id, files]) => [
      id,
      { projectId: PROJECT, ready: [], files },
    ]);
    this.running.setReleases(Object.fromEntries(releases));
    this.running.setRoutes({ [HOST]: {} }, { [PROJECT]: deploymentId });
  }

  private async put(name: string, bytes: Buffer): Promise<void> {
    await this.objects.put(TEST_BUCKET, name, new Blob([new Uint8Array(bytes)]).stream());
  }
}
