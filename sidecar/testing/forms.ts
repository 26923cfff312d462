/** The two forms in which every behaviour of the core is tested. The test file replaces ../core/host.ts by ./host-double.ts. */
import type { StartCore } from "./fake-host.ts";
import { startPlain } from "./plain-form.ts";
import { startWasm } from "./wasm-form.ts";

export const FORMS = [
  { form: "as TypeScript", startCore: startPlain },
  { form: "as WebAssembly", startCore: startWasm },
] as const satisfies readonly { form: string; startCore: StartCore }[];
