/** A full disk: said in one line at the start; while the platform runs it refuses and nothing that was stored is harmed. */
import { afterEach, expect, test, type TestContext } from "vitest";
import { type ApiAnswer, type PlatformUnderTest, startPlatform } from "../support/platform.ts";
import { freeBasePort } from "../support/ports.ts";
import { killAtOnce, untilGone } from "./restart/crash.ts";
import { mountSmallDisk, type SmallDisk } from "./restart/small-disk.ts";

let disk: SmallDisk | null = null;
let platform: PlatformUnderTest | null = null;
afterEach(async () => {
  await platform?.stop();
  disk?.unmount();
});

function smallDisk(context: TestContext, size: string): SmallDisk {
  disk = mountSmallDisk(size);
  return disk ?? context.skip("mount needs root");
}

const project = (slug: string) => ({ name: slug, repository: `local/${slug}`, slug });

test("npm start on a full disk says so in one line and ends with a code of its own", async (context) => {
  const { folder, fill } = smallDisk(context, "64k");
  fill();
  // 74 is an input or output error in sysexits.h.
  await expect(startPlatform({ home: folder, port: await freeBasePort() })).rejects.toThrow(
    /^the platform ended with 74:\nBifrost is starting…\nbifrost: the disk is full; free some space and start again\n$/,
  );
});

test("a disk that runs full makes writes fail and reads go on; with space again all goes on", async (context) => {
  const { folder, fill, free } = smallDisk(context, "4m");
  const port = await freeBasePort();
  platform = await startPlatform({ home: folder, port });
  expect((await platform.apiPost("/projects", project("before"))).status).toBe(201);
  fill();
  const { accepted, refused } = await firstRefusal(platform);
  expect(refused).toMatchObject({ status: 507, body: { code: "disk-full" } });
  expect((await platform.project("before")).slug).toBe("before");
  free();
  expect((await platform.apiPost("/projects", project("after"))).status).toBe(201);
  const family = killAtOnce(platform);
  await platform.kill();
  await untilGone(family);
  platform = await startPlatform({ home: folder, port });
  const { body } = await platform.apiGet("/projects");
  const slugs = body.items.map(({ slug }: { slug: string }) => slug);
  expect(slugs.toSorted()).toEqual(["before", ...accepted, "after"].toSorted());
});

/** What begins on the last page of a file still fits; soon nothing does. */
async function firstRefusal(
  running: PlatformUnderTest,
): Promise<{ accepted: readonly string[]; refused: ApiAnswer }> {
  const accepted: string[] = [];
  while (accepted.length < 50) {
    const slug = `during-${accepted.length}`;
    const answer = await running.apiPost("/projects", project(slug));
    if (answer.status !== 201) return { accepted, refused: answer };
    accepted.push(slug);
  }
  throw new Error("fifty projects fit on a full disk");
}
