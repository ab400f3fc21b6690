/** Principal: the key that a request is from, as your code sees it. */

import { KEY_ID } from "./credentials.js";
import { percentDecode } from "./percent-encoding.js";
import { covers } from "./scopes.js";
import type { PlanLimit, RemainingLimit } from "./limits.js";
import type { Verification } from "./verification.js";

interface Values {
  readonly keyId?: string | null;
  readonly label?: string | null;
  readonly owner?: string | null;
  readonly scopes?: readonly string[];
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly rateLimit?: RemainingLimit | null;
  readonly limits?: readonly PlanLimit[];
  readonly verified?: boolean;
}

/**
 * The key that a request is from.
 *
 * If `verified` is false, Latchkey didn't respond and your app fails open: the caller is unknown, `keyId`, `label` and
 * `owner` are null, and `allows` returns false for every scope.
 *
 * `rateLimit` is null for an unlimited key, and `limits` are those of its plan. If a proxy has checked the request,
 * `label` and `rateLimit` are null, `metadata` and `limits` are empty.
 */
export class Principal {
  readonly keyId: string | null;
  readonly label: string | null;
  readonly owner: string | null;
  readonly scopes: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly rateLimit: RemainingLimit | null;
  readonly limits: readonly PlanLimit[];
  readonly verified: boolean;

  constructor(values: Values) {
    this.keyId = values.keyId ?? null;
    this.label = values.label ?? null;
    this.owner = values.owner ?? null;
    this.scopes = values.scopes ?? [];
    this.metadata = values.metadata ?? {};
    this.rateLimit = values.rateLimit ?? null;
    this.limits = values.limits ?? [];
    this.verified = values.verified ?? true;
  }

  /** Return whether the key's scopes include `scope`. */
  allows(scope: string): boolean {
    return covers(this.scopes, scope);
  }

  /** Return the key that was verified. */
  static ofVerification(found: Verification): Principal {
    return new Principal(found);
  }

  /** Return the key that a proxy names in its `X-Latchkey-*` fields, or undefined without a valid key ID. */
  static ofProxy(keyId?: string, owner = "", scopes = ""): Principal | undefined {
    // A field that was sent twice is joined by commas: it isn't a key ID then.
    if (keyId === undefined || !KEY_ID.test(keyId)) return undefined;
    const named = percentDecode(scopes).split(/\s+/).filter(Boolean);
    return new Principal({ keyId, owner: percentDecode(owner), scopes: named });
  }
}
