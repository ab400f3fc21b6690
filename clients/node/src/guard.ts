/** Guard: verifies requests with Latchkey, each once, and returns their outcome. */

import { Client } from "./client.js";
import { readConfiguration, type Options } from "./configuration.js";
import { Credential } from "./credentials.js";
import { ClientError } from "./failures.js";
import type { Fields } from "./headers.js";
import type { IncomingRequest } from "./incoming.js";
import type { Needs } from "./needs.js";
import { responseFields, type Denied, type Outcome } from "./outcome.js";
import { Policy } from "./policy.js";
import type { Principal } from "./principal.js";

/** A request on its way through the app: who sent it, what it has paid so far, and the fields of its response. */
interface Visit {
  readonly request: IncomingRequest;
  readonly principal: Principal;
  readonly paid: number;
  fields: Fields;
}

/** Guard of an app. Throws ConfigurationError. */
export class Guard {
  readonly #policy: Policy;
  readonly #client: Client;
  readonly #visits = new WeakMap<object, Visit>();

  constructor(options: Options) {
    const { url, apiKey, timeoutSeconds, maxConnections } = options;
    this.#client = new Client({ url, apiKey, timeoutSeconds, maxConnections });
    this.#policy = new Policy(readConfiguration(options));
  }

  /**
   * Return the outcome for the request that `owner` stands for, an object that lives as long as it.
   *
   * A request that passes several guarded places pays the highest cost, not the sum.
   */
  async admit(owner: object, incoming: () => IncomingRequest, needs: Required<Needs>): Promise<Outcome> {
    const visit = this.#visits.get(owner);
    if (visit !== undefined && needs.cost <= visit.paid) {
      return this.#policy.allow(visit.request, visit.principal, needs.scopes, visit.fields);
    }
    const request = visit?.request ?? incoming();
    const tooMuch = visit && this.#tooMuch(visit, needs.cost);
    const outcome = tooMuch ?? (await this.#check(request, needs, visit?.paid ?? 0));
    if (outcome.allowed) {
      const { principal, fields } = outcome;
      this.#visits.set(owner, { request, principal, fields, paid: needs.cost });
    } else if (visit !== undefined) {
      visit.fields = outcome.fields;
    }
    return outcome;
  }

  /** Return the newest fields for the response to an admitted request: a later place may have charged it again. */
  fieldsOf(owner: object): Fields {
    return this.#visits.get(owner)?.fields ?? [];
  }

  /** Close the connections that aren't in use. */
  close(): void {
    this.#client.close();
  }

  /** Return the denial if the whole cost never fits into the bucket, although the rest of it may. */
  #tooMuch({ request, principal, fields }: Visit, cost: number): Denied | undefined {
    const burst = principal.rateLimit?.limit;
    return burst !== undefined && cost > burst ? this.#policy.denyCost(request, cost, burst, fields) : undefined;
  }

  /** Return the outcome for a request that has paid `paid` tokens of its cost before. */
  async #check(request: IncomingRequest, { scopes, cost }: Required<Needs>, paid: number): Promise<Outcome> {
    const trusted = this.#policy.trustedIdentity(request);
    if (trusted !== undefined) return this.#policy.allow(request, trusted, scopes, responseFields(request));
    const credential = this.#policy.credential(request);
    if (!(credential instanceof Credential)) return this.#policy.deny(request, credential);
    try {
      const { requestId } = request;
      const found = await this.#client.verify(credential.reveal(), { scopes, cost: cost - paid, requestId });
      return this.#policy.decide(request, found, scopes, paid > 0 ? cost : undefined);
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      return this.#policy.withoutVerdict(request, error);
    }
  }
}
