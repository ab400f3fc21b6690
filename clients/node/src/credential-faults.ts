/** Faults of a request's credential: what to say about one that is sent in a wrong way, without repeating it. */

import { resemblesCredential } from "./credentials.js";
import { API_KEY, AUTHORIZATION } from "./headers.js";

const MISSING =
  "The request has no API key. Send it as X-API-Key: key_id:secret, Authorization: Bearer key_id:secret, or curl -u " +
  "key_id:secret.";
const FOREIGN =
  "The request has no key_id:secret. If its Authorization is for the service behind Latchkey, send the key as " +
  "X-API-Key.";
const MISTYPED = "has no valid key_id:secret: a character may be missing. Copy the whole credential again.";

// Schemes of other libraries for API keys. A message names one of these, and never what was sent.
const OTHER_SCHEMES: ReadonlyMap<string, string> = new Map(
  ["Api-Key", "ApiKey", "Key", "Token"].map((scheme) => [scheme.toLowerCase(), scheme]),
);

/** Return the detail for a request without a text that may be a credential. `authorization` has the field's values. */
export function missing(authorization: readonly string[]): string {
  const fault = authorization.map(faultOfScheme).find(Boolean);
  return fault === undefined ? MISSING : `${AUTHORIZATION} has ${fault}. Send the key as Bearer, or as ${API_KEY}.`;
}

/** Return the detail for a request whose fields hold these texts, none of which is a credential. */
export function malformed(apiKey: ReadonlySet<string>, authorization: ReadonlySet<string>): string {
  if ([...apiKey].some(hasScheme)) return `${API_KEY} has a scheme before the key. Send key_id:secret alone.`;
  if (apiKey.size > 0) return `${API_KEY} ${MISTYPED}`;
  // Authorization may be for the service behind Latchkey, unless it begins like a credential of ours.
  return [...authorization].some(resemblesCredential) ? `${AUTHORIZATION} ${MISTYPED}` : FOREIGN;
}

/** Return what is wrong with the scheme of an Authorization value that has an API key. */
function faultOfScheme(value: string): string | undefined {
  const [scheme = "", ...rest] = value.trim().split(" ");
  const token = rest.join(" ").trim();
  if (!token) return resemblesCredential(scheme) ? "no scheme" : undefined;
  const known = OTHER_SCHEMES.get(scheme.toLowerCase());
  return known !== undefined && resemblesCredential(token) ? `the scheme ${known}` : undefined;
}

function hasScheme(text: string): boolean {
  const [scheme = "", ...rest] = text.split(" ");
  return resemblesCredential(rest.join(" ").trim()) && !resemblesCredential(scheme);
}
