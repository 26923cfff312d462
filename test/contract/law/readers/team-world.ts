/** Two teams with a project each and everything that can be stored beside them. */
import type { World } from "../../firestore-world.ts";
import { FAILURE, recordFields } from "../move-writes.ts";
import { deploymentFields, LONG_AGO, projectFields } from "../places.ts";

export async function placeTeams(world: World): Promise<void> {
  for (const teamId of ["red", "blue"]) await placeProject(world, teamId, teamId);
  await world.seeder.commit([
    member("red", "mia"),
    member("blue", "bob"),
    member("red", "ann"),
    member("blue", "ann"),
    { set: "teams/red", fields: { name: "Red" } },
    { set: "teams/blue", fields: { name: "Blue" } },
    ...["routes/r", "domains/d", "policies/p", "gatewayNodes/n"].map(plain),
    ...["apiKeys/k", "secrets/s", "audit/a", "idempotencyKeys/i"].map(plain),
    ...["webhookDeliveries/w", "unheard/of", "projects/p-red/notes/n"].map(plain),
  ]);
}

export function member(teamId: string, uid: string) {
  return { set: `members/${teamId}_${uid}`, fields: { teamId, uid, role: "admin" } };
}

function plain(path: string) {
  return { set: path, fields: { teamId: "red", uid: "mia" } };
}

/** A project of a team, called after `name`, with one failed deployment. */
export async function placeProject(world: World, name: string, teamId: string): Promise<void> {
  const at = `deployments/d-${name}`;
  const times = { stateSince: LONG_AGO, createdAt: LONG_AGO };
  const state = { state: "failed", failure: FAILURE };
  await world.seeder.commit([
    { set: `projects/p-${name}`, fields: projectFields({ teamId, slug: name }) },
    {
      set: at,
      fields: { ...deploymentFields(at), projectId: `p-${name}`, teamId, ...state, ...times },
    },
    { set: `${at}/transitions/000001`, fields: recordFields({ to: "queued", at: LONG_AGO }) },
    { set: `${at}/logs/1`, fields: { stream: "build", step: "x", lines: [], at: LONG_AGO } },
    { set: `${at}/replicas/a`, fields: { healthy: true } },
    { set: `${at}/snapshot/config`, fields: { attempt: 1 } },
    { set: `${at}/internal/build`, fields: { attempt: 1 } },
  ]);
}
