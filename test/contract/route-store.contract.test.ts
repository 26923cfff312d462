/** Routes and domains against the embedded Firestore, under the platform's own rules. */
import {
  FirestoreDomainStore,
  FirestoreRouteStore,
} from "@bifrost/shared/cloud/firestore-route-store";
import { newClaim } from "@bifrost/shared/domain/domain-claim";
import type { Project } from "@bifrost/shared/domain/project";
import { newRoute } from "@bifrost/shared/testing/fixtures";
import { afterAll, beforeAll, expect, it } from "vitest";
import { present, SERVICES, type ServiceName, World } from "./firestore-world.ts";

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.stop());

const DENIED = { code: "permission-denied" };
const routes = (service: ServiceName) => new FirestoreRouteStore(world.as(service));
const domains = (service: ServiceName) => new FirestoreDomainStore(world.as(service));
const claim = ({ id }: Project, domain: string) => newClaim(domain, id, world.random, Date.now());

it("a route is created once, changed from the version that was read and deleted, all by api alone", async () => {
  const { value: project } = await world.project();
  const host = `new--${project.slug}.localhost`;
  const route = newRoute({
    host,
    projectId: project.id,
    targets: [{ deploymentId: "live", weight: 1, name: "stable" }],
    paths: [{ prefix: "/api", redirect: { to: "/v2" }, policies: [{ policy: "standard/cors" }] }],
  });
  for (const service of SERVICES.filter((name) => name !== "api"))
    await expect(routes(service).create(route)).rejects.toMatchObject(DENIED);
  const version = await routes("api").create(route);
  await expect(routes("api").create(route)).rejects.toMatchObject({ code: "already-exists" });
  const stored = present(await routes("gateway").read(host));
  expect(stored).toEqual({ value: route, version });
  const next = { ...route, targets: [], paths: [] };
  const changed = await routes("api").change(stored, next);
  await expect(routes("api").change(stored, route)).rejects.toMatchObject({
    code: "write-conflict",
  });
  await expect(routes("api").delete(stored)).rejects.toMatchObject({ code: "write-conflict" });
  const listed = await routes("reap").list(project.id);
  expect(listed.map(({ value }) => value.host)).toEqual(
    [`${project.slug}.localhost`, host].toSorted(),
  );
  await routes("api").delete({ value: next, version: changed });
  expect(await routes("api").read(host)).toBeNull();
});

it("a domain is verified for one project, together with its route, and given up with it", async () => {
  const [one, other] = [(await world.project()).value, (await world.project()).value];
  const domain = `${one.slug}.example`;
  const mine = claim(one, domain);
  const theirs = claim(other, domain);
  await domains("api").create(mine);
  await domains("api").create(theirs);
  const stored = present(await domains("api").read(domain, one.id));
  expect(stored.value).toMatchObject({ token: mine.token, verifiedAt: null });
  await expect(domains("gateway").verify(stored)).rejects.toMatchObject(DENIED);
  await domains("api").verify(stored);
  expect(present(await routes("api").read(domain)).value.projectId).toBe(one.id);
  const late = present(await domains("api").read(domain, other.id));
  await expect(domains("api").verify(late)).rejects.toMatchObject({ code: "already-exists" });
  await domains("api").delete(late);
  expect(present(await routes("api").read(domain)).value.projectId).toBe(one.id);
  const verified = present(await domains("api").read(domain, one.id));
  expect(verified.value.verifiedAt).toBeInstanceOf(Date);
  await domains("api").delete(verified);
  expect(await routes("api").read(domain)).toBeNull();
  expect(await domains("api").list(one.id)).toEqual([]);
});

it("two projects that verify one domain at once do not both get it", async () => {
  const [one, other] = [(await world.project()).value, (await world.project()).value];
  const domain = `${one.slug}.race.example`;
  const claims = await Promise.all(
    [one, other].map(async (project) => {
      await domains("api").create(claim(project, domain));
      return present(await domains("api").read(domain, project.id));
    }),
  );
  const results = await Promise.allSettled(claims.map((each) => domains("api").verify(each)));
  expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
});

it("a project that is deleted takes its hosts and domains with it", async () => {
  const { value: project } = await world.project();
  const { value: neighbour } = await world.project();
  const host = `new--${project.slug}.localhost`;
  await routes("api").create(newRoute({ host, projectId: project.id }));
  for (const name of ["a", "b"])
    await domains("api").create(claim(project, `${name}.${project.slug}.example`));
  const [first] = await domains("api").list(project.id);
  const verified = present(await domains("api").read(present(first ?? null).domain, project.id));
  await domains("api").verify(verified);
  expect(await routes("api").list(project.id)).toHaveLength(3);
  await world.projects("api").delete(await world.reloadProject(project.id));
  expect(await routes("api").list(project.id)).toEqual([]);
  expect(await domains("api").list(project.id)).toEqual([]);
  expect(await routes("api").list(neighbour.id)).toHaveLength(1);
});
