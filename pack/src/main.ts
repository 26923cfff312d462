/** `pack`: turns a built directory into a reproducible OCI image and pushes it; the last line is the digest. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readConfig } from "./config.ts";
import { packImage } from "./pack-image.ts";
import { PackError } from "./pack-error.ts";
import { USAGE, parseArguments } from "./parse-arguments.ts";

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 0 || argv.includes("--help")) {
    process.stderr.write(`${USAGE}\n`);
    return argv.length === 0 ? EXIT_USAGE : 0;
  }
  try {
    const request = parseArguments(argv);
    const config = readConfig();
    const packed = await packImage(request, config);
    if (request.digestFile !== undefined) await writeFile(request.digestFile, packed.digest);
    if (config.outputDir !== undefined) {
      await writeFile(join(config.outputDir, "output"), packed.digest);
    }
    process.stderr.write(`pack: ${packed.files} entries, ${packed.layerBytes} bytes compressed\n`);
    process.stdout.write(`${packed.digest}\n`);
    return 0;
  } catch (error) {
    const isExpected = error instanceof PackError;
    const text = isExpected ? error.message : String(error instanceof Error ? error.stack : error);
    process.stderr.write(`pack: ${text}\n`);
    return EXIT_FAILURE;
  }
}

process.exitCode = await main(process.argv.slice(2));
