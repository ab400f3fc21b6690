/** JSON object in a response, read field by field with the type that each must have. */

import { UnexpectedResponse } from "./failures.js";

/** Reader of a JSON object. Every method throws UnexpectedResponse if the field is missing or of another type. */
export class Document {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #kind: string;

  constructor(value: unknown, kind: string) {
    if (!isObject(value)) throw new UnexpectedResponse(`The response has no ${kind}.`);
    this.#fields = value;
    this.#kind = kind;
  }

  text(name: string): string {
    return this.#read(name, (value) => typeof value === "string", "text");
  }

  integer(name: string): number {
    return this.#read(name, (value) => Number.isInteger(value), "a whole number");
  }

  boolean(name: string): boolean {
    return this.#read(name, (value) => typeof value === "boolean", "true or false");
  }

  object(name: string): Record<string, unknown> {
    return this.#read(name, isObject, "an object");
  }

  array(name: string): unknown[] {
    return this.#read(name, Array.isArray, "a list");
  }

  texts(name: string): string[] {
    return this.#read(name, isTexts, "a list of text");
  }

  document(name: string, kind: string): Document {
    return new Document(this.object(name), kind);
  }

  documents(name: string): Document[] {
    return this.array(name).map((value) => new Document(value, "limit"));
  }

  /** Return what `read` returns for the field, or `otherwise` if it's missing or null. */
  optional<T, O>(name: string, read: (this: Document, name: string) => T, otherwise: O): T | O {
    return (this.#fields[name] ?? null) === null ? otherwise : read.call(this, name);
  }

  #read<T>(name: string, hasType: (value: unknown) => boolean, type: string): T {
    const value = this.#fields[name];
    if (!hasType(value)) throw new UnexpectedResponse(`The response's ${this.#kind} has no ${name} that is ${type}.`);
    return value as T;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((element) => typeof element === "string");
}
