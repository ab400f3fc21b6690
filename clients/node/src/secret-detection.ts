/** Detection of live secrets in text that Latchkey and your app would store in their logs. */

import { checksum } from "./checksum.js";

const KEY_SECRET = /lks_([0-9A-Za-z]{43})([0-9A-Za-z]{6})/g;
// A whole credential as HTTP Basic carries it, and a webhook's signing secret: 32 bytes as Base64.
const BASIC = /bGtf[0-9A-Za-z+/]{88}/g;
const WEBHOOK = /whsec_[0-9A-Za-z+/]{43}/;

/** Return whether `text` holds a key's secret, a credential in HTTP Basic form, or a webhook's signing secret. */
export function containsSecret(text: string): boolean {
  const decoded = (text.match(BASIC) ?? []).map((found) => Buffer.from(found, "base64").toString("latin1"));
  return [text, ...decoded].some(containsKeySecret) || WEBHOOK.test(text);
}

function containsKeySecret(text: string): boolean {
  return [...text.matchAll(KEY_SECRET)].some(([, random = "", check]) => checksum(random) === check);
}
