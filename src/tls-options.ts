/** TLS settings of one origin. Verification is on unless `insecure: true`. Not beside a `dispatcher`, which has its own. */
export interface TlsOptions {
  /** Certificate authorities to trust instead of Node's own list, PEM. */
  readonly ca?: string | Buffer | undefined;
  /** Accept any certificate. Only for tests against a server of your own. */
  readonly insecure?: boolean | undefined;
}
