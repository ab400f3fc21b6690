/** Address of a Latchkey, as people write it. */

/** Return the address without a slash at its end. Throws an Error that says what to write and repeats nothing. */
export function serverUrl(text: string): string {
  const url = text.trim();
  const parts = /^https?:\/\/[^/]/i.test(url) && !/[\s\p{C}\\]/u.test(url) ? URL.parse(url) : null;
  // None of these messages repeats the URL, because it may hold a password.
  if (parts === null) {
    throw new Error("the URL must be http:// or https:// and a host, for example https://keys.example.com");
  }
  if (parts.username || parts.password) {
    throw new Error("the URL must not contain a user name or password; never put a key into a URL");
  }
  if (/[?#]/.test(url)) throw new Error("the URL must not have a query or a fragment");
  return url.replace(/\/+$/, "");
}
