/** Largest request taken on any transport: https://firebase.google.com/docs/firestore/quotas, 10 MiB. */
export const MAX_REQUEST_BYTES = 10 * 1024 * 1024;
