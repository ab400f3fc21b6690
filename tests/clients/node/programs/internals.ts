// Functions of the package that have a twin in Python, by the name that a test calls them by.
import { inspect } from "node:util";
import { serverUrl } from "../dist/address.js";
import { credentialFromHeaders } from "../dist/credential-headers.js";
import { Credential, isPlausibleToken } from "../dist/credentials.js";
import { Guard } from "../dist/guard.js";
import { IncomingRequest } from "../dist/incoming.js";
import { readNeeds } from "../dist/needs.js";
import { Principal } from "../dist/principal.js";
import { redactTokens } from "../dist/redaction.js";
import { isRequestId } from "../dist/request-id.js";
import { covers } from "../dist/scopes.js";
import { Client } from "@latchkey/node";

type Field = string | null;

export const FUNCTIONS: Readonly<Record<string, (...given: any[]) => unknown>> = {
  credential(apiKey: Field, authorization: Field, importedTokens = false) {
    const isToken = importedTokens ? isPlausibleToken : undefined;
    const found = credentialFromHeaders(apiKey ?? undefined, authorization ?? undefined, isToken);
    return found instanceof Credential ? found.reveal() : [found.slug, found.detail];
  },
  identity(keyId: Field, owner: Field, scopes: Field) {
    const found = Principal.ofProxy(keyId ?? undefined, owner ?? undefined, scopes ?? undefined);
    return found === undefined ? null : [found.keyId, found.owner, [...found.scopes].sort()];
  },
  covers,
  isRequestId,
  readNeeds,
  redactTokens,
  serverUrl,
  verify: (options: object, credential: string) => new Client(options).verify(credential),
  async verifyOften(options: object, times: number) {
    const client = new Client(options);
    const found = await Promise.all(Array.from({ length: times }, () => client.verify("x")));
    client.close();
    return found.map(({ code }) => code);
  },
  /** What Node.js shows of everything that holds a credential. */
  shown(options: object, credential: string) {
    const guard = new Guard(options);
    const request = new IncomingRequest("/orders", () => credential);
    const held = [guard, request, request.credential(), new Client({ url: "http://x", apiKey: credential })];
    return held.map((value) => [inspect(value, { showHidden: true, depth: 9 }), JSON.stringify(value), String(value)]);
  },
};
