import { once } from "node:events";
import { createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { until } from "../testing/firestore-fixture.ts";
import { BackChannel } from "./back-channel.ts";

test("what the socket does not take at once is waited for, and told when it has gone", async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const asked = once(server, "request") as Promise<[IncomingMessage, ServerResponse]>;
  const request = get(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const [, response] = await asked;
  const events: string[] = [];
  const back = new BackChannel(response, false, 0, {
    onReady: () => events.push("ready"),
    onGone: () => events.push("gone"),
  });
  const [answer] = (await once(request, "response")) as [IncomingMessage];

  expect([back.isReady, back.hasAnswered]).toEqual([true, false]);
  back.write({ frame: "a small one", lastId: 1 });
  expect([back.isReady, back.hasAnswered, back.sentId]).toEqual([true, true, 1]);
  back.write({ frame: "x".repeat(300_000), lastId: 2 });
  expect([back.isReady, back.isAnswered, events]).toEqual([false, false, []]);
  answer.resume();
  await until(() => back.isReady, "the page has read it");
  expect(events).toEqual(["ready"]);
  request.destroy();
  await until(() => events.length === 2, "the page hung up");
  expect(events).toEqual(["ready", "gone"]);
  server.close();
});
