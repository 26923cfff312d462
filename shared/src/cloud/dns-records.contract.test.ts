import { createSocket, type Socket } from "node:dgram";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DnsRecords } from "./dns-records.ts";

/** Answers TXT questions over UDP (RFC 1035); a name it does not know gets NXDOMAIN, `silent.test` none. */
const RECORDS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "_bifrost.shop.test": [["bifrost-1"], ["two ", "parts"]],
  "empty.test": [],
};

let server: Socket;
let address: string;

beforeEach(async () => {
  server = createSocket("udp4");
  server.on("message", (question, { port, address: from }) => {
    const { name, end } = nameIn(question);
    if (name !== "silent.test") server.send(answerTo(question, end, RECORDS[name]), port, from);
  });
  await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
  address = `127.0.0.1:${server.address().port}`;
});

afterEach(() => {
  server.close();
});

function nameIn(question: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
    labels.push(question.toString("latin1", at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join(".").toLowerCase(), end: at + 5 };
}

function answerTo(
  question: Buffer,
  end: number,
  texts: readonly (readonly string[])[] | undefined,
): Buffer {
  const head = Buffer.from(question.subarray(0, end));
  head.writeUInt16BE(texts === undefined ? 0x8183 : 0x8180, 2);
  head.writeUInt16BE(texts?.length ?? 0, 6);
  head.writeUInt32BE(0, 8);
  const records = (texts ?? []).map((parts) => {
    const data = Buffer.concat(
      parts.map((part) => Buffer.concat([Buffer.from([part.length]), Buffer.from(part)])),
    );
    const fixed = Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, data.length]);
    return Buffer.concat([fixed, data]);
  });
  return Buffer.concat([head, ...records]);
}

test.each([
  ["_bifrost.shop.test", ["bifrost-1", "two parts"]],
  ["empty.test", []],
  ["unknown.test", []],
])("the texts of %s are %j", async (name, texts) => {
  expect(await new DnsRecords({ servers: [address] }).texts(name)).toEqual(texts);
});

test("a name server that does not answer is no answer", async () => {
  const records = new DnsRecords({ servers: [address], timeoutMs: 50 });
  await expect(records.texts("silent.test")).rejects.toMatchObject({
    code: "upstream-unavailable",
    message: expect.stringContaining("silent.test"),
  });
});
