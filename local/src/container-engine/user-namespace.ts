/** Arguments of util-linux unshare: root inside is the user outside; other ids are the user's subordinate ones. */
export const USER_NAMESPACE = ["--user", "--map-root-user", "--map-auto"] as const;
