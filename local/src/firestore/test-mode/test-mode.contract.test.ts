/** What only a server in test mode answers; that the platform never starts one is shown in test/e2e. */
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startFirestore, type RunningFirestore } from "../index.ts";
import { fakeRules, PROJECT, ROOT } from "../testing/firestore-fixture.ts";
import { readUnsignedToken } from "./unsigned-token.ts";

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const UNSIGNED = `${part({ alg: "none", type: "JWT" })}.${part({ sub: "ada", user_id: "ada", exp: 3600 })}.`;

const common = {
  projectId: PROJECT,
  timers: systemTimers,
  log: silentLogger,
  rules: fakeRules(({ auth }) => auth?.uid === "ada"),
};

async function call(
  server: RunningFirestore,
  method: string,
  path: string,
  token?: string,
  body?: object,
): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

async function knowsNobody(): Promise<never> {
  throw new Error("not signed by anyone known");
}

const RULES_PATH = `/emulator/v1/projects/${PROJECT}:securityRules`;
const DOCUMENTS_PATH = `/emulator/v1/projects/${PROJECT}/databases/(default)/documents`;
const allowNobody = {
  rules: {
    files: [
      {
        content:
          "rules_version = '2'; service cloud.firestore { match /databases/{d}/documents { } }",
      },
    ],
  },
};

describe("a server that is not in test mode", () => {
  let server: RunningFirestore;
  beforeAll(async () => {
    server = await startFirestore({
      ...common,
      ownerToken: "a secret",
      verifyIdToken: knowsNobody,
    });
  });
  afterAll(() => server.stop());

  test.each<[string, string, string, string | undefined, number]>([
    ["replacing the rules", "PUT", RULES_PATH, undefined, 404],
    ["replacing the rules as owner", "PUT", RULES_PATH, "owner", 404],
    ["deleting everything", "DELETE", DOCUMENTS_PATH, undefined, 404],
    ["deleting everything as owner", "DELETE", DOCUMENTS_PATH, "owner", 404],
    ["the word owner", "GET", `/v1/${ROOT}/items/a`, "owner", 401],
    ["an unsigned token", "GET", `/v1/${ROOT}/items/a`, UNSIGNED, 401],
  ])("refuses %s", async (_name, method, path, token, status) => {
    const body = method === "PUT" ? allowNobody : undefined;
    expect((await call(server, method, path, token, body)).status).toBe(status);
  });
});

describe("a server in test mode", () => {
  let server: RunningFirestore;
  beforeAll(async () => {
    server = await startFirestore({ ...common, testMode: true });
  });
  afterAll(() => server.stop());

  test("believes unsigned tokens and the word owner, deletes everything, and exchanges the rules", async () => {
    const create = (token: string) => call(server, "POST", `/v1/${ROOT}/items`, token, {});
    expect((await create(UNSIGNED)).status).toBe(200);
    expect((await create("owner")).status).toBe(200);
    expect(server.info()).toMatchObject({ documents: 2 });
    expect((await call(server, "DELETE", DOCUMENTS_PATH)).status).toBe(200);
    expect(server.info()).toMatchObject({ documents: 0 });
    expect((await call(server, "PUT", RULES_PATH, undefined, allowNobody)).status).toBe(200);
    expect((await create(UNSIGNED)).status).toBe(403);
    expect((await create("owner")).status).toBe(200);
  });

  test.each<[string, string, string, object | undefined, number, RegExp]>([
    [
      "rules that do not compile",
      "PUT",
      RULES_PATH,
      { rules: { files: [{ content: "service" }] } },
      400,
      /line 1/,
    ],
    [
      "two files of rules",
      "PUT",
      RULES_PATH,
      { rules: { files: [{}, {}] } },
      400,
      /one file, found 2/,
    ],
    ["no rules", "PUT", RULES_PATH, {}, 400, /rules/],
    [
      "another project's rules",
      "PUT",
      RULES_PATH.replace(PROJECT, "other"),
      allowNobody,
      404,
      new RegExp(PROJECT),
    ],
    [
      "another project's documents",
      "DELETE",
      DOCUMENTS_PATH.replace(PROJECT, "other"),
      undefined,
      404,
      new RegExp(PROJECT),
    ],
    ["another path", "POST", "/emulator/v1/anything", {}, 404, /in test mode it answers/],
  ])("refuses %s", async (_name, method, path, body, status, said) => {
    const answer = await call(server, method, path, undefined, body);
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(said);
  });
});

test.each<[string, string]>([
  ["a signed token", `${part({ alg: "RS256" })}.${part({ sub: "ada" })}.c2ln`],
  [
    "a token that claims a signature algorithm",
    `${part({ alg: "RS256" })}.${part({ sub: "ada" })}.`,
  ],
  ["an unsigned header over a signature", `${part({ alg: "none" })}.${part({ sub: "ada" })}.c2ln`],
  ["no token at all", "ada"],
  ["four parts", `${part({ alg: "none" })}.${part({ sub: "ada" })}..`],
  ["nobody", `${part({ alg: "none" })}.${part({})}.`],
  ["an empty name", `${part({ alg: "none" })}.${part({ sub: "" })}.`],
  ["claims that are a list", `${part({ alg: "none" })}.${part([])}.`],
])("test mode believes no %s", async (_name, token) => {
  await expect(readUnsignedToken(token)).rejects.toThrow(Error);
});
