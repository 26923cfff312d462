import { describe, expect, test } from "vitest";
import { hostKind, parseDomain, projectHost } from "./hosts.ts";

const PLATFORM = "Apps.Test:8080";

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  return "accepted";
}

test("a project's own host is its slug below the platform's domain, without the port", () => {
  expect(projectHost("shop", PLATFORM)).toBe("shop.apps.test");
});

describe("a host", () => {
  test.each([
    ["shop.apps.test", "own"],
    ["new--shop.apps.test", "extra"],
    ["a-b1--shop.apps.test", "extra"],
    ["shop.example.com", "custom"],
    ["evilapps.test", "custom"],
  ])("%s is %s to the project shop", (host, kind) => {
    expect(hostKind(host, "shop", PLATFORM)).toBe(kind);
  });

  test.each([
    "apps.test",
    "other.apps.test",
    "new--other.apps.test",
    "newshop.apps.test",
    "new-shop.apps.test",
    "--shop.apps.test",
    "-a--shop.apps.test",
    "a---shop.apps.test",
    "a--b--shop.apps.test",
    "xn--shop.apps.test",
    "a.new--shop.apps.test",
    "a_b--shop.apps.test",
    `${"a".repeat(58)}--shop.apps.test`,
    "abcdefghijklmn.apps.test",
  ])("%s is none of the project shop", (host) => {
    const words = refusal(() => hostKind(host, "shop", PLATFORM));
    expect(words).toMatch(/cannot be a host of shop.*shop\.apps\.test/);
  });
});

describe("a custom domain", () => {
  test.each([
    ["shop.example.com", "shop.example.com"],
    ["Shop.EXAMPLE.com", "shop.example.com"],
    ["shop.example.com.", "shop.example.com"],
    ["shop.example.com:443", "shop.example.com"],
    ["shop.example.com.:8443", "shop.example.com"],
    ["bücher.example", "xn--bcher-kva.example"],
    ["BÜCHER.example", "xn--bcher-kva.example"],
    ["xn--bcher-kva.example", "xn--bcher-kva.example"],
    ["ｓｈｏｐ.example", "shop.example"],
    ["shop。example", "shop.example"],
    ["example.test", "example.test"],
  ])("%s is written %s", (text, domain) => {
    expect(parseDomain(text, PLATFORM)).toBe(domain);
    expect(parseDomain(domain, PLATFORM)).toBe(domain);
  });

  test.each([
    ["", /a host name alone/],
    [" ", /a host name alone/],
    ["https://shop.example", /a host name alone/],
    ["shop.example/x", /a host name alone/],
    ["ada@shop.example", /a host name alone/],
    ["shop.example:99999999", /a host name alone/],
    ["shop.example#x", /a host name alone/],
    ["shop%2eexample", /a host name alone/],
    ["[::1]", /a host name alone/],
    ["::1", /a host name alone/],
    ["*.example.com", /wildcards/],
    ["localhost", /needs a dot/],
    ["10.0.0.1", /IP addresses/],
    ["10.0.0.1:80", /IP addresses/],
    ["127.1", /IP addresses/],
    ["0x7f.1", /IP addresses/],
    ["2130706433", /IP addresses/],
    ["１２７.0.0.1", /IP addresses/],
    ["shop..example", /its parts/],
    ["-shop.example", /its parts/],
    ["shop_x.example", /its parts/],
    ["shop.example..", /its parts/],
    [`${"a".repeat(64)}.example`, /its parts|no valid host name/],
    [`${`${"a".repeat(49)}.`.repeat(5)}example`, /244 characters|no valid host name/],
    ["apps.test", /the platform's own/],
    ["APPS.TEST.", /the platform's own/],
    ["shop.apps.test", /the platform's own/],
    ["a.b.apps.test:8080", /the platform's own/],
  ])("%j is refused", (text, why) => {
    expect(refusal(() => parseDomain(text, PLATFORM))).toMatch(why);
  });
});
