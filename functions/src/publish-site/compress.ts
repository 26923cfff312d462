/** The encoded forms of a file's bytes that are worth storing. */
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { SiteEncoding } from "@bifrost/shared/domain/site-manifest";

const brotli = promisify(brotliCompress);
const gzipped = promisify(gzip);

/** Below, the headers weigh more than what is saved; above, compressing takes longer than a deployment should. */
const LEAST_BYTES = 256;
const MOST_BYTES = 8 * 1024 ** 2;

/** The best quality takes about two seconds for each MiB; the next good one a tenth of that. */
const BEST_QUALITY_BYTES = 256 * 1024;

/** What compresses well; images, sound, fonts of today and archives are compressed already. */
const TEXT_LIKE =
  /\.(?:css|csv|html?|ico|ics|js|json|jsonld|map|md|mjs|otf|rss|svg|ttf|txt|wasm|webmanifest|xhtml|xml|ya?ml)$/i;

export function isCompressible(path: string, size: number): boolean {
  return TEXT_LIKE.test(path) && size >= LEAST_BYTES && size <= MOST_BYTES;
}

/** Only what is smaller than the bytes themselves; the same bytes always give the same. */
export async function compress(bytes: Buffer): Promise<readonly [SiteEncoding, Buffer][]> {
  const quality = bytes.length <= BEST_QUALITY_BYTES ? 11 : 9;
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: quality,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  const [br, gz] = await Promise.all([brotli(bytes, { params }), gzipped(bytes, { level: 9 })]);
  const forms: readonly [SiteEncoding, Buffer][] = [
    ["br", br],
    ["gzip", gz],
  ];
  return forms.filter(([, form]) => form.length < bytes.length);
}
