/** The sidecar as a process, in each of its forms: real sockets, a real app and the gateway's real collector. */
import { afterAll, beforeAll, describe } from "vitest";
import type { RunningGateway } from "../../../gateway/src/gateway.ts";
import { startTestGateway } from "../../../gateway/src/testing/test-gateway.ts";
import { FORMS } from "./forms.ts";
import { living } from "./living.ts";
import { probing } from "./probing.ts";
import { reporting, reportingInChunks } from "./reporting.ts";
import { TRANSPORTS } from "./transports.ts";
import { rigFor } from "./rig.ts";
import { refusingTls, reportingOverTls } from "./tls.ts";

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = (await startTestGateway()).gateway;
});
afterAll(() => gateway.stop(0));

describe.concurrent.each(FORMS)("the sidecar, $name,", (form) => {
  let argv: readonly string[] = [];
  beforeAll(async () => {
    if (form.lacks() === null) argv = await form.argv();
  });
  const rig = rigFor(form, { argv: () => argv, gateway: () => gateway });
  probing(rig);
  living(rig);
  describe.each(TRANSPORTS)("reporting over $name,", (transport) => {
    reporting(rig, transport);
  });
  reportingInChunks(rig);
  const tls = form.hasTls ? reportingOverTls : refusingTls;
  tls(rig);
});
