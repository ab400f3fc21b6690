/** Responses of Latchkey: the JSON of a success, or the error that a response stands for. */

import { Document } from "./document.js";
import { ReceivedProblem, UnexpectedResponse, type ClientError } from "./failures.js";
import { REQUEST_ID, RETRY_AFTER } from "./headers.js";
import { MEDIA_TYPE } from "./problem.js";
import { QUOTA_EXCEEDED_TYPE } from "./problem-types.js";
import type { Received } from "./transport.js";

const JSON_TYPES = ["application/json", MEDIA_TYPE];
const OK = 200;
const PROXY_STATUSES = [502, 503, 504];
const THROTTLED_REMEDY =
  "Wait that long. If it happens often, give the calling key a higher limit: twice its calls per second at the peak.";

/** Return the JSON of a response. Throws ClientError, unless it's a success of Latchkey. */
export function responseJson(response: Received): unknown {
  if (response.status !== OK) throw responseError(response);
  const value = parseJson(response);
  // Many other servers respond with JSON.
  if (response.headers[REQUEST_ID.toLowerCase()] === undefined) {
    throw new UnexpectedResponse(`The response has no ${REQUEST_ID}.`, response.status);
  }
  return value;
}

function responseError(response: Received): ClientError {
  const { status } = response;
  const type = mediaType(response);
  if (status >= 300 && status < 400) return new UnexpectedResponse(redirectMessage(response), status);
  if (type === MEDIA_TYPE) return problemOf(response);
  if (JSON_TYPES.includes(type)) {
    return new UnexpectedResponse(`The response is a ${status} that is not from Latchkey.`, status);
  }
  const byProxy = PROXY_STATUSES.includes(status) ? " The proxy in front of Latchkey cannot reach it." : "";
  return new UnexpectedResponse(`The response is a ${status} with ${type || "no media type"}.${byProxy}`, status);
}

function problemOf(response: Received): ClientError {
  try {
    return readProblem(response);
  } catch (error) {
    // A problem that can't be read is an error of another kind, with the status of its response.
    if (!(error instanceof UnexpectedResponse)) throw error;
    return new UnexpectedResponse(error.message, response.status);
  }
}

function readProblem(response: Received): ReceivedProblem {
  const document = new Document(parseJson(response), "problem");
  const type = document.text("type");
  const slug = type === QUOTA_EXCEEDED_TYPE ? "quota-exceeded" : type.slice(type.lastIndexOf("/") + 1);
  const errors = document.optional("errors", document.array, []).map((error) => new Document(error, "error"));
  const policies = document.optional<string[], string[]>("violated-policies", document.texts, []);
  const wait = retryAfter(response);
  // A 429 for the client's address doesn't say that the calling key's limit is exceeded.
  const isKeyLimit = slug === "quota-exceeded" && !policies.includes("address");
  return new ReceivedProblem({
    slug,
    status: response.status,
    detail: isKeyLimit ? throttledMessage(wait) : document.text("detail"),
    retryAfterSeconds: wait,
    errors: errors.map((error) => ({ code: error.text("code"), detail: error.text("detail") })),
    remedy: isKeyLimit ? THROTTLED_REMEDY : "",
  });
}

function throttledMessage(wait: number | undefined): string {
  const when = wait === undefined ? "" : ` Retry in ${wait} ${wait === 1 ? "second" : "seconds"}.`;
  return `The rate limit of the calling key is exceeded.${when}`;
}

function parseJson(response: Received): unknown {
  const type = mediaType(response);
  if (!JSON_TYPES.includes(type)) {
    const { status } = response;
    throw new UnexpectedResponse(`The response is a ${status} with ${type || "no media type"}.`, status);
  }
  try {
    return JSON.parse(response.body.toString("utf8"));
  } catch {
    // The error of JSON.parse repeats the text.
    throw new UnexpectedResponse("The response is labeled as JSON, but is not valid JSON.", response.status);
  }
}

function mediaType(response: Received): string {
  const [type = ""] = (response.headers["content-type"] ?? "").split(";");
  return type.trim().toLowerCase();
}

/** Return the seconds in Retry-After. Latchkey sends whole seconds; anything else was added by a proxy. */
function retryAfter(response: Received): number | undefined {
  const text = response.headers[RETRY_AFTER.toLowerCase()];
  return typeof text === "string" && /^[0-9]{1,9}$/.test(text) ? Number(text) : undefined;
}

function redirectMessage(response: Received): string {
  const target = response.headers.location ?? "";
  if (!URL.canParse(target)) return `The response is a ${response.status}.`;
  // Show only the origin: the path or the query may hold something private.
  return `The response redirects to ${new URL(target).origin}. The key is not sent there automatically; use that URL.`;
}
