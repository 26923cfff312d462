/** Everyone who tries to make a move: each service, those who pretend to be one, and people. */
import type { World } from "../firestore-world.ts";
import { SERVICES } from "./the-law.ts";

export interface Suspect {
  readonly name: string;
  /** The service whose name it signs records with; null: whoever owns the move it tries. */
  readonly service: string | null;
  /** The ID token it shows when it passes itself off as `service`; null: none. */
  token(world: World, service: string): Promise<string> | null;
}

/** A token that is signed and valid, but not as a service's token is. */
function impostor(
  name: string,
  uid: (service: string) => string,
  claims: (service: string) => Readonly<Record<string, unknown>>,
): Suspect {
  return {
    name,
    service: null,
    token: (world, service) => world.token(uid(service), claims(service)),
  };
}

const named = (service: string) => `svc:${service}`;

const IMPOSTORS: readonly Suspect[] = [
  impostor(
    "a person with the owner's claim",
    () => "mallory",
    (svc) => ({ svc }),
  ),
  impostor("a person with the owner's uid", named, () => ({})),
  impostor(
    "another service with the owner's claim",
    () => "svc:workflows",
    (svc) => ({ svc }),
  ),
  impostor("the owner's uid with another's claim", named, () => ({ svc: "workflows" })),
  impostor("the owner's name in a list", named, (svc) => ({ svc: [svc] })),
  impostor("the owner's name in a map", named, (svc) => ({ svc: { name: svc } })),
  impostor("a claim that is true", named, () => ({ svc: true })),
  impostor("a claim that is a number", named, () => ({ svc: 1 })),
  impostor("a claim that is null", named, () => ({ svc: null })),
  impostor(
    "an empty claim",
    () => "svc:",
    () => ({ svc: "" }),
  ),
  impostor(
    "the owner in capitals",
    (svc) => named(svc.toUpperCase()),
    (svc) => ({ svc: svc.toUpperCase() }),
  ),
  impostor(
    "the owner with a blank",
    (svc) => `${named(svc)} `,
    (svc) => ({ svc: `${svc} ` }),
  ),
];

const PEOPLE: readonly Suspect[] = [
  { name: "a member of the team", service: null, token: (world) => world.token("mia") },
  { name: "a stranger", service: null, token: (world) => world.token("eve") },
  { name: "nobody", service: null, token: () => null },
];

export const SUSPECTS: readonly Suspect[] = [
  ...[...SERVICES, "no-such-service"].map((service) => ({
    name: service,
    service,
    token: (world: World) => world.token(named(service), { svc: service }),
  })),
  ...IMPOSTORS,
  ...PEOPLE,
];
