// Where the provider keeps sessions, codes and tokens: maps in this process. It outlives a provider instance, because
// new signing keys mean a new instance (see main.mjs) and nobody shall be signed out by that.
export function memoryStorage({ refreshGraceSeconds = 0 } = {}) {
  const records = new Map();
  const now = () => Math.floor(Date.now() / 1000);

  return class MemoryAdapter {
    constructor(model) {
      this.model = model;
    }

    async upsert(id, payload, expiresIn) {
      records.set(this.#key(id), { payload, expires: expiresIn ? Date.now() + expiresIn * 1000 : Infinity });
    }

    async find(id) {
      const key = this.#key(id);
      const record = records.get(key);
      if (record && record.expires <= Date.now()) records.delete(key);
      return this.#asIfNew(records.get(key)?.payload);
    }

    async findByUid(uid) {
      for (const [key, { payload }] of records) {
        if (payload.uid === uid && key.startsWith(`${this.model}:`)) return this.find(key.slice(this.model.length + 1));
      }
      return undefined;
    }

    // Only the device flow looks things up by user code, and it is off.
    async findByUserCode() {
      return undefined;
    }

    async consume(id) {
      const record = records.get(this.#key(id));
      if (record) record.payload.consumed ??= now();
    }

    async destroy(id) {
      records.delete(this.#key(id));
    }

    async revokeByGrantId(grantId) {
      for (const [key, { payload }] of records) {
        if (payload.grantId === grantId) records.delete(key);
      }
    }

    /** A refresh token that was used a moment ago may be used again, where the provider has such a grace. */
    #asIfNew(payload) {
      const within = this.model === 'RefreshToken' && payload?.consumed + refreshGraceSeconds > now();
      return within ? { ...payload, consumed: undefined } : payload;
    }

    #key(id) {
      return `${this.model}:${id}`;
    }
  };
}
