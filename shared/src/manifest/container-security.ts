import type { V1SecurityContext } from "@kubernetes/client-node";

/** Uid of the app; numeric, so that Kubernetes can tell it is not root whatever the image says. */
export const APP_UID = 10_001;
/** Uid of the sidecar; never the app's, so the app cannot read or signal it. */
export const SIDECAR_UID = 65_532;

/** The "restricted" pod security standard, and a read-only root on top. */
export function lockedDown(uid: number): V1SecurityContext {
  return {
    runAsNonRoot: true,
    runAsUser: uid,
    runAsGroup: uid,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    privileged: false,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  };
}
