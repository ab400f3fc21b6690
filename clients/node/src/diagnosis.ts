/** Diagnosis of a verification without a verdict: whether Latchkey is down, and what an operator reads in the log. */

import { NoResponse, ReceivedProblem, UnexpectedResponse, UntrustedServer, type ClientError } from "./failures.js";
import { redactTokens } from "./redaction.js";

const MAX_MESSAGE = 300;
const MAX_PATH = 100;
const CHECK_ADDRESS =
  "Check that LATCHKEY_URL is the address of a Latchkey server, and check the proxy in front of it.";
const OWN_KEY_PROBLEMS = [
  "ambiguous-credential",
  "missing-credential",
  "malformed-credential",
  "invalid-credential",
  "disabled-key",
  "expired-key",
  "revoked-key",
  "insufficient-scope",
];

/** Return whether Latchkey is down or slow, as opposed to being called in a wrong way. */
export function isOutage(failure: ClientError): boolean {
  if (failure instanceof NoResponse) return !(failure instanceof UntrustedServer);
  return failure.status !== undefined && failure.status >= 500;
}

/** Return what is wrong and, if it's the app's own configuration, how to fix it. `url` is LATCHKEY_URL. */
export function diagnosis(failure: ClientError, url: string): string {
  // Another server may have written the message, so it must not add lines or secrets to the log.
  const message = redactTokens(failure.message.replace(/[\s\p{C}]+/gu, " ").trim()).slice(0, MAX_MESSAGE);
  // Latchkey itself always responds with a problem.
  const isForeign = failure instanceof UnexpectedResponse;
  if (isOutage(failure)) {
    return `Latchkey can't verify a request: ${message}${isForeign ? ` ${CHECK_ADDRESS}${aboutPath(url)}` : ""}`;
  }
  if (isForeign) return `Latchkey can't be used at LATCHKEY_URL: ${message} ${CHECK_ADDRESS}${aboutPath(url)}`;
  if (!(failure instanceof ReceivedProblem)) {
    return `Latchkey can't be used at LATCHKEY_URL: ${message} ${failure.remedy}`;
  }
  if (OWN_KEY_PROBLEMS.includes(failure.slug)) {
    const remedy = "Set it to the credential of an active key with the scope verify.";
    return `Latchkey rejects this service's own key, LATCHKEY_API_KEY (${failure.slug}): ${message} ${remedy}`;
  }
  if (failure.status === 429) {
    return `Latchkey throttles the calls of this service with LATCHKEY_API_KEY: ${message} ${failure.remedy}`;
  }
  const remedy = "Check LATCHKEY_URL, and the scopes and the cost that the request needs.";
  return `Latchkey rejects the call of this service: ${message} ${aboutPath(url).trim() || remedy}`;
}

/** Return what to do about the path of LATCHKEY_URL, or an empty string if it has none. */
function aboutPath(url: string): string {
  const path = redactTokens(new URL(url).pathname).slice(0, MAX_PATH);
  return path === "/" ? "" : ` LATCHKEY_URL has the path ${path}: leave it out, unless a proxy adds it.`;
}
