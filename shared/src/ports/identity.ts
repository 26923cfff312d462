/** The service identity a function runs under. */
export interface Identity {
  /** An OIDC token for calling `audience`, signed by the platform's issuer. */
  idToken(audience: string): Promise<string>;
}

export interface Caller {
  /** Service name before the @ of the account's address, for example `validate`. */
  readonly service: string;
  readonly email: string;
}

export interface CallerVerifier {
  /** The service behind a bearer token made for `audience`; throws `unauthenticated`. */
  verify(token: string, audience: string): Promise<Caller>;
}

export interface PrincipalSigner {
  /** A Firebase custom token for `svc:<service>` with the claim `svc`. */
  customToken(service: string): Promise<string>;
}
