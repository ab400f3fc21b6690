/** Names of options: a name that is mistyped would otherwise be ignored, and a scope with it. */

/** Throw TypeError unless `value` is an object with no other names than `known`. */
export function rejectUnknownNames(value: unknown, known: readonly string[], kind: string): void {
  if (typeof value !== "object" || value === null) throw new TypeError(`Pass an object with each ${kind} by its name.`);
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new TypeError(`Unknown ${kind} ${unknown}. Known are: ${known.join(", ")}.`);
}
