/** Percent-encoding of UTF-8 in paths and header fields. */

/** Return `text` decoded. What isn't valid UTF-8 becomes U+FFFD: unlike `decodeURIComponent`, it throws no error. */
export function percentDecode(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (encoded) =>
    Buffer.from(encoded.replaceAll("%", ""), "hex").toString("utf8"),
  );
}
