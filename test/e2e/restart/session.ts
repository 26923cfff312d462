/** One data folder and the platforms that run in it one after the other. */
import type { DeploymentView } from "@bifrost/shared/api/schemas";
import type { State } from "@bifrost/shared/domain/lifecycle";
import { temporaryFolder } from "../../support/folders.ts";
import { PlatformUnderTest, startPlatform } from "../../support/platform.ts";
import { freeBasePort } from "../../support/ports.ts";
import { until } from "../../support/until.ts";
import { killAtOnce, type Relative, untilGone } from "./crash.ts";
import { buildsOf, rolloutsOf } from "./evidence.ts";
import { followMoves, storedMoves } from "./moves.ts";

/** Longest time from a ready platform to the end of what it found unfinished, beside the app's own time. */
const RECOVERY_MS = 30_000;

const ALL_MOVES: readonly State[] = [
  "queued",
  "validating",
  "building",
  "built",
  "deploying",
  "running",
  "healthy",
];

interface Outcome extends Pick<DeploymentView, "state" | "attempt" | "failure"> {
  readonly states: readonly State[];
  readonly builds: readonly string[];
  /** Of each Kubernetes Deployment; one = never changed after its creation. */
  readonly generations: readonly number[];
}

/** Healthy at the first attempt, with every move made once, one build and one rollout. */
export const HEALTHY_ONCE: Outcome = {
  state: "healthy",
  attempt: 1,
  failure: null,
  states: ALL_MOVES,
  builds: ["SUCCESS"],
  generations: [1],
};

export class Session {
  readonly home = temporaryFolder("bf-re-");
  readonly #port: number;
  readonly #env: NodeJS.ProcessEnv;
  #platform: PlatformUnderTest | null = null;

  private constructor(port: number, env: NodeJS.ProcessEnv) {
    this.#port = port;
    this.#env = env;
  }

  static async begin(env: NodeJS.ProcessEnv = {}): Promise<Session> {
    const session = new Session(await freeBasePort(), env);
    await session.start();
    return session;
  }

  get platform(): PlatformUnderTest {
    if (this.#platform === null) throw new Error("no platform runs");
    return this.#platform;
  }

  async start(): Promise<void> {
    this.#platform = await startPlatform({ home: this.home, port: this.#port, env: this.#env });
  }

  /** Begins a start and kills it after so many milliseconds, wherever it is then. */
  async startAndKillAfter(delayMs: number): Promise<void> {
    const options = { home: this.home, env: this.#env };
    this.#platform = new PlatformUnderTest(this.home, this.#port, options);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await this.kill();
  }

  /** The main process at once; everything else must end by itself. */
  async kill(): Promise<void> {
    await this.#buried(killAtOnce(this.platform));
  }

  /** The next move to `state`, by whichever deployment, kills the platform; resolves with the deployment's id. */
  killAt(state: State): Promise<string> {
    return new Promise((resolve, reject) => {
      const follower = followMoves(this.home, ({ to, deploymentId }) => {
        if (to !== state) return;
        follower.stop();
        this.kill().then(() => resolve(deploymentId), reject);
      });
    });
  }

  async end(): Promise<void> {
    await this.#platform?.stop();
  }

  /** Where a deployment rests in the end. */
  ended(id: string): Promise<DeploymentView> {
    return this.platform.untilDeployment(id, undefined, RECOVERY_MS);
  }

  /** What a deployment came to in the end, and how often each part of it happened. */
  async outcomeOf(id: string): Promise<Outcome> {
    const { state, attempt, failure } = await this.ended(id);
    const rollouts = await rolloutsOf(this.platform, id);
    return {
      state,
      attempt,
      failure,
      states: this.statesOf(id),
      builds: await buildsOf(this.platform, id, 1),
      generations: rollouts.map(({ generation }) => generation),
    };
  }

  /** All states a deployment was in, first to last, as the store's log has them. */
  statesOf(id: string): readonly State[] {
    return storedMoves(this.home)
      .filter((move) => move.deploymentId === id)
      .map(({ to }) => to);
  }

  /** The gateway hears of routes and replicas some moments after it listens. */
  async untilAnswer(slug: string, answer = `hello from ${slug}`): Promise<void> {
    await until(async () => (await this.platform.get(slug)).body === answer, {
      what: `the answer of ${slug}`,
      timeoutMs: 15_000,
    });
  }

  async #buried(family: readonly Relative[]): Promise<void> {
    await this.platform.kill();
    await untilGone(family);
  }
}
