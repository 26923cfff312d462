/** Where nodes find each other through Firestore: the product's rules, and tokens got the way a service gets them. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { issuePrincipalService } from "@bifrost/functions/issue-principal/handler";
import { type RunningFirestore, startFirestore } from "@bifrost/local/firestore/index";
import type { RunningIam } from "@bifrost/local/iam/index";
import { type RunningIdentity, startIdentity } from "@bifrost/local/identity/index";
import { GoogleCallerVerifier } from "@bifrost/shared/cloud/google-caller-verifier";
import { IamPrincipalSigner } from "@bifrost/shared/cloud/iam-principal-signer";
import { MetadataIdentity } from "@bifrost/shared/cloud/metadata-identity";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { productRules, PROJECT_ID } from "../firestore-world.ts";

const API_KEY = "key-of-the-web";

export interface MeetingPlace {
  /** Of a gateway that meets others here. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export async function startMeetingPlace(iam: RunningIam): Promise<MeetingPlace> {
  const base = { projectId: PROJECT_ID, timers: systemTimers, log: silentLogger };
  const identity = await startIdentity({
    ...base,
    apiKey: API_KEY,
    verifyCustomToken: (jwt) => iam.verifyCustomToken(jwt),
  });
  const firestore = await startFirestore({
    ...base,
    rules: productRules,
    ownerToken: "nobody-has-it",
    verifyIdToken: async (token) => {
      const { uid, token: claims } = await identity.verifyIdToken(token);
      return { uid, token: { ...claims } };
    },
  });
  const functions = await startIssuer(iam);
  return {
    environment: environmentOf({ firestore, identity, functions }),
    async close() {
      functions.close();
      functions.closeAllConnections();
      await Promise.all([firestore.stop(), identity.stop()]);
    },
  };
}

function environmentOf(parts: {
  readonly firestore: RunningFirestore;
  readonly identity: RunningIdentity;
  readonly functions: Server;
}): MeetingPlace["environment"] {
  return {
    BIFROST_FIRESTORE_URL: `http://127.0.0.1:${parts.firestore.port}`,
    BIFROST_IDENTITY_TOOLKIT_URL: `http://127.0.0.1:${parts.identity.port}`,
    BIFROST_FIREBASE_API_KEY: API_KEY,
    BIFROST_FUNCTIONS_URL: urlOf(parts.functions),
  };
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The function itself, without the framework around it. */
async function startIssuer(iam: RunningIam): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    const { authorization = "" } = request.headers;
    void issue(new Request(audience, { method: "POST", headers: { authorization } })).then(
      async (answer) => response.writeHead(answer.status).end(await answer.text()),
      () => response.writeHead(401).end(),
    );
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const audience = `${urlOf(server)}/issue-principal`;
  const own = new MetadataIdentity({ baseUrl: iam.metadataUrl("issue-principal"), clock: Date });
  const issue = issuePrincipalService(
    { signer: new IamPrincipalSigner({ baseUrl: iam.issuer, identity: own, clock: Date }) },
    {
      verifier: new GoogleCallerVerifier({
        projectId: PROJECT_ID,
        issuer: iam.issuer,
        certificatesUrl: `${iam.issuer}/oauth2/v1/certs`,
        clock: Date,
      }),
      audience,
      allowed: null,
    },
  );
  return server;
}
