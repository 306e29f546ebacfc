// What the provider is told from outside; the defaults are the demo's usual ports.
const env = process.env;

export const settings = {
  port: Number(env.PROVIDER_PORT ?? 10100),
  /** Like Okta's custom authorization server `default`. Another site than the portal, as Okta is. */
  issuer: new URL(env.PROVIDER_ISSUER ?? 'http://okta.localhost:10100/oauth2/default'),
  portal: new URL(env.PORTAL_URL ?? 'http://portal.petstore.localhost:10000/'),
  clientId: env.CLIENT_ID ?? '0oaPetstore',
  clientSecret: env.CLIENT_SECRET ?? 'demo-secret-of-the-petstore-client',
  idTokenSeconds: Number(env.PROVIDER_ID_TOKEN_SECONDS ?? 3600),
  /** How long a refresh token that was used is good for once more: Okta's default would be 30, for lost answers. */
  refreshGraceSeconds: Number(env.PROVIDER_REFRESH_GRACE_SECONDS ?? 0),
};
