/** Google's own clients as somebody who has an ID token: the one for servers and the one for browsers. */
import { Firestore } from "@google-cloud/firestore";
import { deleteApp, initializeApp } from "firebase/app";
import * as web from "firebase/firestore";

/** The unmodified client for servers, over gRPC. */
export function serverClient(projectId: string, address: string, token: string): Firestore {
  const customHeaders = { Authorization: `Bearer ${token}` };
  return new Firestore({ projectId, host: address, ssl: false, customHeaders });
}

export interface WebClient {
  readonly sdk: typeof web;
  readonly store: web.Firestore;
  readonly close: () => Promise<void>;
}

let apps = 0;

/** The unmodified client for browsers, in Node. */
export function webClient(projectId: string, address: string, token: string): WebClient {
  apps += 1;
  const app = initializeApp({ projectId, apiKey: "unused" }, `signed-${apps}`);
  const store = web.initializeFirestore(app, {});
  const [host = "", port = ""] = address.split(":");
  web.connectFirestoreEmulator(store, host, Number(port), { mockUserToken: token });
  web.setLogLevel("silent");
  return {
    sdk: web,
    store,
    close: async () => {
      await web.terminate(store);
      await deleteApp(app);
    },
  };
}
