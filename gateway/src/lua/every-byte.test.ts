/** Whatever byte a script puts anywhere, what reaches the wire is whole lines of its own. */
import { afterAll, expect, test } from "vitest";
import { openVm, policyRequest } from "../testing/policy-rig.ts";

const HOSTILE = openVm(`function on_request(req)
  local text = base64_decode(req:header("text"))
  local tried = ({
    name = function() req:set_header("x" .. text, "v") end,
    value = function() req:set_header("x", "a" .. text .. "b") end,
    added = function() resp:add_header("x", text) end,
    removed = function() req:remove_header(text) end,
    path = function() req:set_path("/a" .. text) end,
    place = function() redirect("/a" .. text) end,
    type = function() deny(200, "body", "text/" .. text) end,
    body = function() deny(200, "a" .. text .. "b") end,
    target = function() req:use_target("a" .. text) end,
  })[req:header("where")]
  local ok, why = pcall(tried)
  if not ok then log(why) end
end`);
afterAll(() => HOSTILE.close());

const LINES = /^(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*\r\n)*$/;
const BYTES = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
const SPLITTERS = [
  "\r\n",
  "\r\nset-cookie: a=b",
  "\n\n",
  "\r\n\r\nHTTP/1.1 200 OK",
  "\0",
  " \r",
  "\r\n ",
];

function tried(where: string, text: string) {
  const encoded = Buffer.from(text, "latin1").toString("base64");
  return HOSTILE.onRequest(policyRequest({ headers: { where, text: encoded } }));
}

test.each(["name", "value", "added", "removed", "path", "place", "type", "target"])(
  "%s: any byte and any attempt to split is refused or harmless",
  (where) => {
    const kept = [...BYTES, ...SPLITTERS].filter((text) => {
      const { request, response, answer, path, target } = tried(where, text);
      for (const lines of [request?.added, response?.added, answer?.headers])
        expect(lines ?? "").toMatch(LINES);
      expect(path ?? "/").toMatch(/^\/[\x21-\x7e\x80-\xff]*$/);
      return [request, response, answer, path, target].some((one) => one !== null);
    });
    expect(kept.length).toBeGreaterThan(70);
    expect(kept.filter((text) => SPLITTERS.includes(text) && where !== "target")).toEqual([]);
  },
);

test("a body may have every byte, and arrives as it is", () => {
  for (const byte of BYTES) expect(tried("body", byte).answer?.body).toBe(`a${byte}b`);
});
