/** Redaction: removes secrets from text that others can read. */

const SECRET = /lks_[0-9A-Za-z_]+/g;
// HTTP Basic carries a credential as Base64. Every key ID starts with "lk_", so every such token starts with "bGtf".
const BASIC = /bGtf[A-Za-z0-9+/_-]{16,}={0,2}/g;
const WEBHOOK = /whsec_[A-Za-z0-9+/=_-]+/g;

/** Return `text` without secrets that are recognizable by their own shape. */
export function redactTokens(text: string): string {
  return text
    .replace(SECRET, "lks_[redacted]")
    .replace(BASIC, "[redacted]")
    .replace(WEBHOOK, "whsec_[redacted]");
}
