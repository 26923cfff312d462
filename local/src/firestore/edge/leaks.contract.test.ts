import { Metadata } from "@grpc/grpc-js";
import { inspect } from "node:util";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { systemTimers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startFirestore, type RunningFirestore } from "../index.ts";
import { PROJECT, ROOT } from "../testing/firestore-fixture.ts";
import { openRaw } from "../testing/raw-socket.ts";
import { bearing, rawClient } from "../testing/transports.ts";

const OWNER_TOKEN = "owner-token-Zm9yIHRoaXMgdGVzdA";
const ID_TOKEN = "id-token-Zm9yIHRoaXMgdGVzdA";
const SECRETS = [OWNER_TOKEN, ID_TOKEN];
const logged: string[] = [];
let server: RunningFirestore;

const log: Logger = {
  debug: keep,
  info: keep,
  warn: keep,
  error: keep,
  with: () => log,
};
function keep(event: string, fields: unknown = {}): void {
  logged.push(`${event} ${inspect(fields, { depth: 10, showHidden: true })}`);
}

beforeAll(async () => {
  server = await startFirestore({
    projectId: PROJECT,
    timers: systemTimers,
    log,
    // Whatever reaches the rules breaks them: a defect is answered and logged.
    rules: {
      check() {
        throw new Error("a defect in the rules");
      },
    },
    ownerToken: OWNER_TOKEN,
    // As careless as a verifier can be: it quotes the token.
    verifyIdToken: async (token) => {
      if (token === ID_TOKEN) return { uid: "ada", token: { sub: "ada", exp: 4e9 } };
      if (token.startsWith("unavailable"))
        throw new BifrostError("upstream-unavailable", "no keys now");
      throw new Error(`Wrong token: ${token}`);
    },
  });
});
afterAll(() => server.stop());

async function send(target: string, init: RequestInit & { body?: string }): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${server.port}${target}`, init);
  return `${[...response.headers].join()} ${await response.text()}`;
}

const documents = `/v1/${ROOT}/open/a`;

test.each(SECRETS)("%s in a wrong place is told to nobody and written nowhere", async (secret) => {
  const bearer = `Bearer ${secret}`;
  const answers = await Promise.all([
    send(documents, { headers: { authorization: bearer } }),
    send(documents, { headers: { authorization: secret } }),
    send(documents, { headers: { authorization: `Basic ${secret}` } }),
    send(documents, { headers: { authorization: `${bearer} ${secret}` } }),
    send(documents, { headers: { authorization: `Bearer x${secret}` } }),
    send(documents, { headers: { authorization: `Bearer unavailable${secret}` } }),
    send(documents, { headers: { cookie: bearer, "x-token": secret, referer: secret } }),
    send(`${documents}?access_token=${secret}&key=${secret}`, {}),
    send(`${documents}?pageToken=${secret}`, {}),
    send(documents, { method: "PATCH", body: bearer, headers: { authorization: bearer } }),
    send(`/v1/${ROOT}:commit`, { method: "POST", body: `{"token":"${secret}` }),
    send(`/v1/${ROOT}:commit`, { method: "POST", body: JSON.stringify({ token: secret }) }),
    send(`/v1/${ROOT}:commit`, { method: secret.slice(0, 5), headers: { authorization: bearer } }),
    openRaw(server.port, `${secret}\r\n\r\n`).then(({ closed }) => closed),
    openRaw(
      server.port,
      `GET ${documents} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${bearer}\r\nAuthorization: ${bearer}\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    ).then(({ closed }) => closed),
  ]);
  expect(answers[14]).toContain("401");
  const odd = new Metadata();
  odd.set("x-token", secret);
  odd.set("authorization", `Bearer x${secret}`);
  answers.push(
    await overGrpc(bearing(bearer)),
    await overGrpc(bearing(secret)),
    await overGrpc(odd),
  );
  expect(logged.join("\n")).toContain("a defect in the rules");
  for (const text of [...answers, ...logged, inspect(server.info())]) {
    expect(text).not.toContain(secret);
  }
});

function overGrpc(metadata: Metadata): Promise<string> {
  const client = rawClient(server.port);
  return new Promise((resolve) => {
    client.ListDocuments({ parent: ROOT, collectionId: "open" }, metadata, (error, response) => {
      client.close();
      resolve(inspect({ error, response }, { depth: 10 }).replaceAll(/^ +at .*$/gm, ""));
    });
  });
}
