/** Credential of a request: found in the header fields X-API-Key and Authorization. */

import { malformed, missing } from "./credential-faults.js";
import {
  Credential,
  ImportedToken,
  looksLikeCredential,
  MalformedCredential,
  parseCredential,
  sameForm,
  strayCharacters,
} from "./credentials.js";
import type { Problem } from "./problem.js";

// The parameters of a Digest or OAuth field are separated by commas, so they count as values too.
const MAX_VALUES = 64;
const AMBIGUOUS: Problem = { slug: "ambiguous-credential", detail: "The request has two different credentials." };
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * Return the one credential of a request, or the problem with what it has.
 *
 * If only one of the fields holds a text of a credential's shape, the other field is ignored. A field that was sent
 * twice is expected to be joined by commas, as HTTP allows. Without a credential, a text for which `isToken` returns
 * true is an imported token, in Authorization with any scheme but Basic.
 */
export function credentialFromHeaders(
  apiKey: string | undefined,
  authorization: string | undefined,
  isToken: (text: string) => boolean = () => false,
): Credential | Problem {
  const found = ownCredential(apiKey, authorization);
  if (found instanceof Credential || found.slug === "ambiguous-credential") return found;
  const texts = [...values(apiKey).map((text) => text.trim()), ...values(authorization).map(tokenOfAuthorization)];
  const [first, ...others] = new Set(texts.filter(isToken));
  if (first === undefined) return found;
  return others.length > 0 ? AMBIGUOUS : new ImportedToken(first);
}

function ownCredential(apiKey: string | undefined, authorization: string | undefined): Credential | Problem {
  const [own, other] = [fromApiKey(apiKey), fromAuthorization(authorization)];
  const texts = withoutForeignField(own, other);
  const [first] = texts;
  if (first === undefined) return { slug: "missing-credential", detail: missing(values(authorization)) };
  const fault = malformed(own, other);
  if (texts.size === 1) return parsed(first, fault);
  if (hasCredential(texts)) return AMBIGUOUS;
  // Sorting gives the same request the same message each time.
  return { slug: "malformed-credential", detail: [...texts].sort().map(strayCharacters).find(Boolean) ?? fault };
}

function parsed(text: string, otherwise: string): Credential | Problem {
  try {
    return parseCredential(text, otherwise);
  } catch (error) {
    if (!(error instanceof MalformedCredential)) throw error;
    return { slug: "malformed-credential", detail: error.message };
  }
}

/** Return the comma-separated values of a field. One with too many is replaced by a value that isn't a credential. */
function values(field = ""): string[] {
  // Anyone can send 16 KB of commas, so don't look at each value. No client sends that many.
  const found = field.split(",", MAX_VALUES + 1);
  return found.length <= MAX_VALUES ? found : ["Bearer"];
}

/** Return the texts in an X-API-Key field that may be credentials. Empty values are skipped. */
function fromApiKey(field?: string): Set<string> {
  return new Set(values(field).map((value) => sameForm(value.trim())).filter(Boolean));
}

/** Return the texts in an Authorization field that may be credentials. Schemes that aren't ours are skipped. */
function fromAuthorization(field?: string): Set<string> {
  return new Set(values(field).map(token).filter((text) => text !== undefined).map(sameForm));
}

/** Return what may be a credential in one Authorization value: undefined for a scheme that isn't Bearer or Basic. */
function token(value: string): string | undefined {
  const [scheme = "", ...rest] = value.trim().split(" ");
  const text = rest.join(" ").trim();
  switch (scheme.toLowerCase()) {
    case "bearer":
      return text;
    case "basic":
      // Not undefined: a Basic token that can't be decoded is a malformed credential, not a missing one.
      return withoutEmptyPassword(decodeBasic(text) ?? "");
    default:
      return undefined;
  }
}

/** Return what may be an imported token in one value of an Authorization field, or "" for HTTP Basic. */
function tokenOfAuthorization(value: string): string {
  const [scheme = "", ...rest] = value.trim().split(" ");
  return scheme.toLowerCase() === "basic" ? "" : rest.join(" ").trim();
}

/** Return the user name alone if there is no password: the one-token form, as in `curl -u key_id.secret:`. */
function withoutEmptyPassword(decoded: string): string {
  const colon = decoded.indexOf(":");
  return colon === decoded.length - 1 ? decoded.slice(0, colon) : decoded;
}

function decodeBasic(text: string): string | undefined {
  const decoded = BASE64.test(text) ? Buffer.from(text, "base64").toString("latin1") : undefined;
  return decoded !== undefined && /^[\x00-\x7f]*$/.test(decoded) ? decoded : undefined;
}

function hasCredential(texts: Set<string>): boolean {
  return [...texts].some(looksLikeCredential);
}

/** Return the texts of both fields, without those of a field that has no credential if the other one has one. */
function withoutForeignField(one: Set<string>, other: Set<string>): Set<string> {
  if (one.size > 0 && other.size > 0 && hasCredential(one) !== hasCredential(other)) {
    return hasCredential(one) ? one : other;
  }
  return new Set([...one, ...other]);
}
