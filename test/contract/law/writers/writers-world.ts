/** Projects and deployments that many writers share, and what each of them last saw of them. */
import { decodeFields } from "@bifrost/shared/cloud/firestore-values";
import type { World } from "../../firestore-world.ts";
import { projectFields } from "../places.ts";

export interface Seen {
  readonly id: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly updateTime: string;
}

export interface SharedWorldOptions {
  readonly world: World;
  readonly random: () => number;
  readonly projects: number;
  readonly deployments: number;
}

export class SharedWorld {
  readonly world: World;
  readonly random: () => number;
  readonly projects: readonly string[];
  readonly deployments: string[] = [];
  /** Most that are created. */
  readonly room: number;
  readonly #seen = new Map<string, Seen>();
  #names = 0;

  constructor({ world, random, projects, deployments }: SharedWorldOptions) {
    this.world = world;
    this.random = random;
    this.room = deployments;
    this.projects = Array.from({ length: projects }, (_, index) => `p${index}`);
  }

  async begin(): Promise<void> {
    const beginning = { newestDeploymentId: null, nextNumber: 1 };
    await this.world.seeder.commit([
      ...this.projects.map((id) => ({
        set: `projects/${id}`,
        fields: projectFields({ ...beginning, slug: id }),
      })),
      { set: "members/red_mia", fields: { teamId: "red", uid: "mia" } },
    ]);
  }

  pick<T>(from: readonly T[]): T {
    const chosen = from[Math.floor(this.random() * from.length)];
    if (chosen === undefined) throw new Error("there is nothing to choose from");
    return chosen;
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  newName(prefix: string): string {
    this.#names += 1;
    return `${prefix}${this.#names}`;
  }

  /** The document as it is, or sometimes as somebody saw it a while ago; null when there is none. */
  look(path: string, isStale = this.chance(0.15)): Seen | null {
    const known = this.#seen.get(path);
    if (isStale && known !== undefined) return known;
    const found = this.world.server.read(path);
    if (found === null) return null;
    const { name, fields, updateTime } = found;
    const seen = { id: name.split("/").at(-1) ?? "", fields: decodeFields(fields), updateTime };
    this.#seen.set(path, seen);
    return seen;
  }
}
