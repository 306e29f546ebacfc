// The accounts of the demo's provider, in memory, with the claims that they give.
import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';

/** The authorization server's claim `groups`: only names that start like this go into a token. */
const GROUP_FILTER = 'Petstore';

/** Where people who sign up by themselves end up. `Everyone` is there to be filtered out. */
const SIGN_UP_GROUPS = ['PetstoreUsers', 'Everyone'];

/** One password for all prepared users. */
export const DEMO_PASSWORD = 'petstore';

/** The prepared users, each with what it is good for. */
export const PREPARED = [
  { email: 'insider@example.com', name: 'Ines Insider', groups: ['PetstoreUsers', 'Everyone'], note: 'may call the API' },
  { email: 'outsider@example.com', name: 'Otto Outsider', groups: ['Everyone', 'OtherTeam'], note: 'is in no group that counts' },
  { email: 'almost@example.com', name: 'Alma Almost', groups: ['Petstoreusers'], note: 'a group spelled almost right' },
  { email: 'single@example.com', name: 'Sina Single', groups: ['PetstoreUsers'], claimAsString: true, note: 'groups as one string, not a list' },
  { email: 'unverified@example.com', name: 'Uwe Unverified', groups: ['PetstoreUsers'], verified: false, note: 'e-mail not verified' },
  { email: 'unassigned@example.com', name: 'Una Unassigned', groups: ['Everyone'], assigned: false, note: 'not assigned to the application' },
];

export class Accounts {
  #byId = new Map();
  #byEmail = new Map();

  constructor(prepared = PREPARED) {
    for (const user of prepared) this.#add({ ...user, password: DEMO_PASSWORD });
  }

  find(id) {
    return this.#byId.get(id);
  }

  /** The account that e-mail and password belong to, or nothing. */
  login(email, password) {
    const account = this.#byEmail.get(normal(email));
    return account?.hasPassword(password) ? account : undefined;
  }

  /** A new account, or an error text for the form. */
  register({ email, name, password }) {
    if (!/^[^\s@]+@[^\s@]+$/.test(normal(email))) return { error: 'Please enter an e-mail address.' };
    if (password.length < 8) return { error: 'Please choose a password of at least 8 characters.' };
    if (this.#byEmail.has(normal(email))) return { error: 'There is an account with this e-mail address already.' };
    return { account: this.#add({ email, name: name.trim() || normal(email), password, groups: SIGN_UP_GROUPS }) };
  }

  #add(user) {
    const account = new Account(user);
    this.#byId.set(account.accountId, account);
    this.#byEmail.set(account.email, account);
    return account;
  }
}

class Account {
  #salt = randomBytes(16);
  #hash;

  // Sign-ups count as verified: the demo sends no mail whose link could be followed.
  constructor({ email, name, password, groups, verified = true, assigned = true, claimAsString = false }) {
    this.accountId = `00u${randomBytes(9).toString('hex')}`;
    this.email = normal(email);
    this.name = name;
    this.groups = groups;
    this.verified = verified;
    this.assigned = assigned;
    this.claimAsString = claimAsString;
    this.#hash = this.#derive(password);
  }

  hasPassword(password) {
    return timingSafeEqual(this.#hash, this.#derive(password));
  }

  /** What `oidc-provider` asks for; it picks the claims that the granted scopes allow. */
  claims() {
    const groups = this.groups.filter((name) => name.startsWith(GROUP_FILTER));
    return {
      sub: this.accountId,
      name: this.name,
      preferred_username: this.email,
      email: this.email,
      email_verified: this.verified,
      // Someone in no such group has no claim at all.
      groups: groups.length === 0 ? undefined : this.claimAsString ? groups[0] : groups,
    };
  }

  #derive(password) {
    return scryptSync(password, this.#salt, 32, { N: 1024 });
  }
}

function normal(email) {
  return email.trim().toLowerCase();
}
