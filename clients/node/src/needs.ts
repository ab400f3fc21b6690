/** Needs of a route: what a request to it must have. */

import { rejectUnknownNames } from "./names.js";

/** All of `scopes` (default none: any valid key will do), and `cost` tokens (default 1). */
export interface Needs {
  readonly scopes?: readonly string[];
  readonly cost?: number;
}

/** Return the needs, with defaults. Throws TypeError for a mistake, which would otherwise protect less than it says. */
export function readNeeds(needs: Needs = {}): Required<Needs> {
  rejectUnknownNames(needs, ["scopes", "cost"], "need");
  const { scopes = [], cost = 1 } = needs;
  if (!Array.isArray(scopes) || !scopes.every((scope) => typeof scope === "string" && scope)) {
    throw new TypeError("The scopes of a route must be a list of texts.");
  }
  if (!Number.isInteger(cost) || cost < 1) throw new TypeError("The cost of a route must be a whole number above 0.");
  return { scopes: [...scopes], cost };
}
