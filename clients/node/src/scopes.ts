/** Scopes: what a key may do. */

/** Return whether the scopes `granted` include the scope `required`. In a granted scope, `*` matches any characters. */
export function covers(granted: readonly string[], required: string): boolean {
  if (granted.includes(required) || granted.includes("*")) return true;
  return granted.some((scope) => scope.includes("*") && matches(scope, required));
}

/** Return whether `text` matches a pattern with at least one `*`, in linear time. */
function matches(pattern: string, text: string): boolean {
  const parts = pattern.split("*");
  const first = parts[0] ?? "";
  const last = parts.at(-1) ?? "";
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let position = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, position);
    if (found < 0 || found + part.length > end) return false;
    position = found + part.length;
  }
  return true;
}
