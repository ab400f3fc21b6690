/** Policy: what a verdict of Latchkey, or the lack of one, means for a request. It waits for nothing. */

import type { Configuration } from "./configuration.js";
import { isPlausibleToken, type Credential } from "./credentials.js";
import * as denials from "./denials.js";
import { diagnosis, isOutage } from "./diagnosis.js";
import { ReceivedProblem, type ClientError, type FieldError } from "./failures.js";
import type { Fields } from "./headers.js";
import type { IncomingRequest } from "./incoming.js";
import { denied, responseFields, type Denied, type Outcome } from "./outcome.js";
import { Principal } from "./principal.js";
import type { Problem } from "./problem.js";
import { waitForWhole } from "./refill.js";
import { problemOfCode, type Verification } from "./verification.js";

const RETRY_AFTER_SECONDS = 5;

/** Decisions about requests. A denial is a value; no method throws an error because of what a client sent. */
export class Policy {
  readonly #configuration: Configuration;

  constructor(configuration: Configuration) {
    this.#configuration = configuration;
  }

  /** Return the caller that a proxy has checked, or undefined if Latchkey has to be called. */
  trustedIdentity(request: IncomingRequest): Principal | undefined {
    return this.#configuration.trustProxyIdentity ? request.proxyIdentity() : undefined;
  }

  /** Return the credential to verify, or the problem with what was sent. */
  credential(request: IncomingRequest): Credential | Problem {
    return request.credential(this.#configuration.importedTokens ? isPlausibleToken : undefined);
  }

  /** Return the outcome of a verification. `whole` is the cost with what the request has paid before, if it has. */
  decide(request: IncomingRequest, found: Verification, scopes: readonly string[], whole?: number): Outcome {
    const fields = responseFields(request, found);
    const principal = Principal.ofVerification(found);
    if (found.valid) return this.allow(request, principal, scopes, fields);
    const slug = problemOfCode(found.code);
    if (slug === undefined) return this.#unknownCode(request, found.code);
    if (slug === "insufficient-scope") {
      const scope = missingScope(principal, scopes) ?? scopes.join(" ");
      return this.#denyScope(request, scope, fields);
    }
    if (slug === "quota-exceeded") {
      const seconds = retryAfterSeconds(found, whole);
      const { violatedPolicies } = found;
      const detail = denials.limitExceeded(seconds, violatedPolicies);
      return this.deny(request, { slug, detail, violatedPolicies, retryAfterSeconds: seconds }, fields);
    }
    return this.deny(request, { slug, detail: denials.KEY_DENIALS[slug] ?? "" }, fields);
  }

  /** Return the outcome if Latchkey returned no verdict, and log why. */
  withoutVerdict(request: IncomingRequest, failure: ClientError): Outcome {
    const tooMuch = failure instanceof ReceivedProblem ? failure.errors.find(isAboveLimit) : undefined;
    if (tooMuch !== undefined) return this.deny(request, { slug: "limit-too-small", detail: tooMuch.detail });
    const { logger, failOpen } = this.#configuration;
    const why = diagnosis(failure, this.#configuration.url);
    if (failOpen && isOutage(failure)) {
      const passes = "The request passes without a check, because LATCHKEY_FAIL_OPEN is on.";
      logger.warn(`${why} ${passes} request_id=${request.requestId}`);
      return { allowed: true, principal: new Principal({ verified: false }), fields: responseFields(request) };
    }
    logger.error(`${why} The request gets a 503. request_id=${request.requestId}`);
    return this.#unavailable(request, failure instanceof ReceivedProblem ? failure.retryAfterSeconds : undefined);
  }

  /** Return that the request is allowed, unless its key lacks one of `scopes`. */
  allow(request: IncomingRequest, principal: Principal, scopes: readonly string[], fields: Fields): Outcome {
    const missing = missingScope(principal, scopes);
    if (missing !== undefined) return this.#denyScope(request, missing, fields);
    return { allowed: true, principal, fields };
  }

  /** Return the problem response for `problem`. */
  deny(request: IncomingRequest, problem: Problem, fields: Fields = responseFields(request)): Denied {
    return denied(request, problem, fields, this.#configuration.publicUrl);
  }

  /** Return the response to a request that costs more tokens than the key's bucket of `burst` can hold. */
  denyCost(request: IncomingRequest, cost: number, burst: number, fields: Fields): Denied {
    return this.deny(request, { slug: "limit-too-small", detail: denials.costAboveBurst(cost, burst) }, fields);
  }

  #denyScope(request: IncomingRequest, scope: string, fields: Fields): Denied {
    return this.deny(request, { slug: "insufficient-scope", detail: denials.missingScope(scope) }, fields);
  }

  #unknownCode(request: IncomingRequest, code: string): Denied {
    this.#configuration.logger.error(
      `Latchkey returned the code ${code.replace(/\W/g, "").slice(0, 40)}, which this version of the package ` +
        `@latchkey/node does not know. The request gets a 503. Upgrade the package. request_id=${request.requestId}`,
    );
    return this.#unavailable(request);
  }

  #unavailable(request: IncomingRequest, retryAfterSeconds?: number): Denied {
    const seconds = retryAfterSeconds || RETRY_AFTER_SECONDS;
    const detail = denials.unavailable(seconds);
    return this.deny(request, { slug: "unavailable", detail, retryAfterSeconds: seconds });
  }
}

function isAboveLimit(error: FieldError): boolean {
  return error.code === "above-burst" || error.code === "above-limit";
}

/** Return the seconds until a denied request can pass, or null if a quota that never starts again refuses it. */
function retryAfterSeconds(found: Verification, whole?: number): number | null {
  // Only a quota of a plan has no time to wait.
  const seconds = found.limits.length > 0 ? found.retryAfterSeconds : found.retryAfterSeconds || 1;
  return seconds === null || whole === undefined ? seconds : waitForWhole(seconds, found, whole);
}

/** Return the first of `scopes` that the key lacks. An unverified caller lacks none. */
function missingScope(principal: Principal, scopes: readonly string[]): string | undefined {
  return principal.verified ? scopes.find((scope) => !principal.allows(scope)) : undefined;
}
