/** Credentials `key_id:secret` or `key_id.secret`: their format, and how they are parsed. */

import { inspect } from "node:util";

import { checksum } from "./checksum.js";

export const KEY_ID = /^lk_[0-9a-z]{12}$/;
const CREDENTIAL = /^(lk_[0-9a-z]{12})[:.](lks_([0-9A-Za-z]{43})([0-9A-Za-z]{6}))$/;
const PLAUSIBLE_TOKEN = /^[0-9A-Za-z._~+/=:-]{16,256}$/;
const SECRET_PREFIX = "lks_";
const FORM = "The credential does not have the form key_id:secret or key_id.secret.";

// Characters that files, shells and editors leave around a credential.
const STRAY: readonly (readonly [name: string, characters: RegExp])[] = [
  ["a byte order mark (BOM)", /\ufeff/g],
  ["quotation marks", /["'`\u2018\u2019\u201c\u201d\xab\xbb]/g],
  ["a line break", /[\r\n\v\f\x85\u2028\u2029]|\\[rn]/g],
  ["white space", /[\s\u200b\u2060]/g],
];
const LONGEST_WITH_STRAY = 200;

/** A text that isn't a credential. The message never repeats it. */
export class MalformedCredential extends Error {
  override readonly name = "MalformedCredential";
}

/** A well-formed credential. As text, as JSON and when inspected, it shows only the key ID. */
export class Credential {
  readonly keyId: string;
  readonly #secret: string;

  constructor(keyId: string, secret: string) {
    this.keyId = keyId;
    this.#secret = secret;
  }

  /** Return the text `key_id:secret`. Use it only to send the credential. */
  reveal(): string {
    return `${this.keyId}:${this.#secret}`;
  }

  toString(): string {
    return `Credential(${this.keyId})`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/** A token that another system issued. */
export class ImportedToken extends Credential {
  readonly #token: string;

  constructor(token: string) {
    super("", "");
    this.#token = token;
  }

  /** Return the token. Use it only to send it. */
  override reveal(): string {
    return this.#token;
  }
}

/** Return whether `text` could be an imported token of some shape. */
export function isPlausibleToken(text: string): boolean {
  // With the prefix of a secret, it's far more likely to be a mistyped credential of our own.
  return PLAUSIBLE_TOKEN.test(text) && !text.includes(SECRET_PREFIX);
}

/** Return whether someone meant `text` as a credential, even if it's mistyped or cut off. */
export function resemblesCredential(text: string): boolean {
  return text.startsWith("lk_") || text.includes(SECRET_PREFIX);
}

/** Return whether `text` has the shape of a credential, whatever its checksum. */
export function looksLikeCredential(text: string): boolean {
  return CREDENTIAL.test(text);
}

/**
 * Return the credential that `text` is.
 *
 * Throws MalformedCredential. If stray characters are the only fault, its message says what to remove; otherwise it's
 * `otherwise`.
 */
export function parseCredential(text: string, otherwise = FORM): Credential {
  const [, keyId, secret, random = "", check] = CREDENTIAL.exec(text) ?? [];
  if (keyId === undefined || secret === undefined) throw new MalformedCredential(strayCharacters(text) || otherwise);
  if (checksum(random) !== check) {
    throw new MalformedCredential("The secret's checksum is wrong: a character is mistyped or missing.");
  }
  return new Credential(keyId, secret);
}

/** Return `text` as `key_id:secret` if it has a credential's shape, so that both forms of one are equal. */
export function sameForm(text: string): string {
  const [, keyId, secret] = CREDENTIAL.exec(text) ?? [];
  return keyId === undefined ? text : `${keyId}:${secret}`;
}

/** Return a sentence that names the characters without which `text` would be a credential, or an empty string. */
export function strayCharacters(text: string): string {
  // Skip the work for texts that can't be a credential with a few characters too many.
  if (!text.includes(SECRET_PREFIX) || text.length > LONGEST_WITH_STRAY) return "";
  let rest = asUtf8(text);
  const found: string[] = [];
  for (const [name, characters] of STRAY) {
    const without = rest.replace(characters, "");
    if (without !== rest) found.push(name);
    rest = without;
  }
  if (!looksLikeCredential(rest)) return "";
  return `The credential has ${found.join(" and ")} around or inside it. Use key_id:secret or key_id.secret alone.`;
}

/** Return a header field as UTF-8 if it is: Node.js decodes it as Latin-1, whatever encoding the client used. */
function asUtf8(text: string): string {
  if (/[^\x00-\xff]/.test(text)) return text;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(text, "latin1"));
  } catch {
    return text;
  }
}
