// What the provider is told from outside; the defaults are the demo's usual ports.
const env = process.env;

export const settings = {
  port: Number(env.PROVIDER_PORT ?? 10100),
  /** Like Okta's custom authorization server `default`. Another site than the portal, as Okta is. */
  issuer: new URL(env.PROVIDER_ISSUER ?? 'http://okta.localhost:10100/oauth2/default'),
  portal: new URL(env.PORTAL_URL ?? 'http://portal.petstore.localhost:10000/'),
  clientId: env.CLIENT_ID ?? '0oaPetstore',
  clientSecret: env.CLIENT_SECRET ?? 'demo-secret-of-the-petstore-client',
};
