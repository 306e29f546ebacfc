// Waiting for something to become true: asks again and again until a deadline, never sleeps blindly.
import { setTimeout as sleep } from 'node:timers/promises';

/** The first truthy result of `probe`, asked every `every` ms for at most `within` ms. A probe that throws says "not yet". */
export async function until(what, probe, { within = 20_000, every = 100 } = {}) {
  const deadline = Date.now() + within;
  let last;
  do {
    try {
      const result = await probe();
      if (result) return result;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await sleep(every);
  } while (Date.now() < deadline);
  throw new Error(`${what}: not within ${within / 1000} s${last ? ` (${last.message})` : ''}`, { cause: last });
}
