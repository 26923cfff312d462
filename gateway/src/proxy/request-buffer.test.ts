import { array, assert, constantFrom, property } from "fast-check";
import { expect, test } from "vitest";
import { RequestBuffer } from "./request-buffer.ts";

const HEADS = [
  "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
  `GET /long HTTP/1.1\r\nx: ${"y".repeat(3000)}\r\n\r\n`,
  "\r\n\r\n",
];
const READ_SIZES = [1, 2, 7, 31, 500, 4000];

/** Reads `text` in pieces of these sizes in turn, all through one buffer, as sockets are read. */
function readInPieces(text: string, sizes: readonly number[], each: (data: Buffer) => void): void {
  const shared = Buffer.alloc(4096);
  for (let at = 0, turn = 0; at < text.length; turn++) {
    const size = Math.min(sizes[turn % sizes.length] ?? 1, text.length - at);
    shared.write(text.slice(at, at + size), 0, "latin1");
    each(shared.subarray(0, size));
    shared.fill("?");
    at += size;
  }
}

test("heads come out as they were sent, in whatever pieces lent bytes bring them", () => {
  const heads = array(constantFrom(...HEADS), { minLength: 1, maxLength: 6 });
  const sizes = array(constantFrom(...READ_SIZES), { minLength: 1, maxLength: 4 });
  assert(
    property(heads, sizes, (sent, pieces) => {
      const buffer = new RequestBuffer();
      const taken: unknown[] = [];
      readInPieces(sent.join(""), pieces, (data) => {
        buffer.push(data);
        for (let head = buffer.takeHead(); head !== null; head = buffer.takeHead())
          taken.push(head);
        buffer.keep();
      });
      expect(taken).toEqual(sent);
      expect(buffer.isEmpty).toBe(true);
    }),
  );
});

test("what is offered may be kept longer than the bytes are lent, and what nobody took comes again", () => {
  const buffer = new RequestBuffer();
  const kept: Buffer[] = [];
  readInPieces("abcdefgh", [3, 5], (data) => {
    buffer.push(data);
    buffer.offer((offered) => {
      kept.push(offered.subarray(0, 2));
      return 2;
    });
    buffer.keep();
  });
  buffer.offer((offered) => {
    kept.push(offered);
    return offered.length;
  });
  expect(kept.map(String)).toEqual(["ab", "cd", "efgh"]);
});
