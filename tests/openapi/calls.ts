// Makes every call of the document with the types that openapi-typescript made of it: `node calls.js URL CREDENTIAL`.
// A call that is new in the document is missed by the test that runs this: add it here.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };
const [url, credential] = process.argv.slice(2) as [string, string];
const made: string[] = [];
const client = createClient<paths>({ baseUrl: url, headers: { "X-API-Key": credential } });
client.use({
  onRequest({ request, schemaPath }) {
    made.push(`${request.method} ${schemaPath}`);
  },
});

type Answer<T> = { data?: T; error?: unknown; response: Response };

async function done<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, response } = await call;
  if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
  return data as T;
}

const limit: components["schemas"]["RateLimit"] = { burst: 60, per_seconds: 60 };
const inAWeek = new Date(Date.now() + 7 * 86_400_000).toISOString();

const key = await done(client.POST("/v1/keys", { body: { label: "typed", rate_limit: limit, expires_at: null, metadata: { team: "a" } } }));
const path = { params: { path: { key_id: key.key_id } } };
if (key.credential === undefined) throw new Error("a new key without its credential");
const secret: string = key.credential;
const unlimited: boolean = key.rate_limit === null;
if (unlimited || key.owner.length) throw new Error("another key than was asked for");

const page = await done(client.GET("/v1/keys", { params: { query: { label: "typed", state: "active", limit: 1 } } }));
const next: string | null = page.next;
if (page.items[0]?.key_id !== key.key_id || next !== null) throw new Error("the key is not listed");
await done(client.GET("/v1/keys/{key_id}", path));
await done(client.PATCH("/v1/keys/{key_id}", { ...path, body: { rate_limit: null, enabled: true } }));
const usage = await done(client.GET("/v1/keys/{key_id}/usage", path));
usage.map((step) => step.allowed + step.throttled + (step.units?.tokens?.charged ?? 0));
const callers = await done(client.GET("/v1/keys/{key_id}/callers", path));
callers.map((caller) => `${caller.kind} ${caller.value}: ${caller.requests}, ${caller.last_seen}`);
const reserved = [1, 2].map(() => done(client.POST("/v1/reservations", { body: { credential: secret, cost: 2, ttl_seconds: 60 } })));
for (const [place, one] of (await Promise.all(reserved)).entries()) {
  if (!one.valid || one.reservation === null) throw new Error("nothing was reserved");
  const open = { params: { path: { reservation_id: one.reservation } } };
  await done(client.POST("/v1/reservations/{reservation_id}/extend", { ...open, body: { ttl_seconds: 600 } }));
  if (place === 0) await done(client.DELETE("/v1/reservations/{reservation_id}", open));
  else {
    const settled = await done(client.POST("/v1/reservations/{reservation_id}/settle", { ...open, body: { cost: 1 } }));
    settled.limits.map((one) => `${one.name}: ${one.cost} of ${one.reserved}, ${one.forgiven}`);
  }
}
await done(client.POST("/v1/keys/{key_id}/rotate", { ...path, body: { grace_seconds: 60 } }));
await done(client.POST("/v1/keys/{key_id}/rotate/finish", path));
const source = { name: "typed", hash: "sha256", alphabet: "base62", min_length: 20 };
const digest = "ab".repeat(32);
const imported = await done(client.POST("/v1/keys/import", { body: { source, keys: [{ digest, label: "typed" }], dry_run: true } }));
if (imported.imported + imported.unchanged !== 1 || imported.errors.length) throw new Error("the key could not be imported");

const monthly: components["schemas"]["NewPlanLimit"] = { name: "monthly", quota: { quota: 1000, per: "month" } };
const plan = await done(client.POST("/v1/plans", { body: { name: "typed", limits: [monthly] } }));
const named = { params: { path: { name: plan.name } } };
if (plan.limits[0]?.quota?.timezone !== "UTC") throw new Error("a quota without its default");
await done(client.GET("/v1/plans", { params: { query: { limit: 1 } } }));
await done(client.GET("/v1/plans/{name}", named));
await done(client.PATCH("/v1/plans/{name}", { ...named, body: { limits: [monthly, { name: "rate", rate: limit }] } }));
await done(client.PATCH("/v1/keys/{key_id}", { ...path, body: { plan: plan.name } }));
const shared = await done(client.POST("/v1/plans", { body: { name: "typed-owner", limits: [{ ...monthly, shared: "owner" }] } }));
const owner = await done(client.POST("/v1/owners", { body: { name: "Typed", plan: shared.name } }));
const owned = { params: { path: { slug: owner.slug } } };
await done(client.GET("/v1/owners", { params: { query: { plan: shared.name } } }));
await done(client.GET("/v1/owners/{slug}", owned));
await done(client.PATCH("/v1/owners/{slug}", { ...owned, body: { contacts: ["a"], period_anchor: null } }));
const used = await done(client.GET("/v1/owners/{slug}/limits", owned));
used.limits.map((one) => `${one.name}: ${one.used} of ${one.limit}, ${one.resets_at}`);
const limitOfOwner = { params: { path: { slug: owner.slug, limit_name: "monthly" } } };
await done(client.POST("/v1/owners/{slug}/limits/{limit_name}/adjust", { ...limitOfOwner, body: { used: 7, reason: "a test" } }));
const ofKey = await done(client.GET("/v1/keys/{key_id}/limits", path));
if (!ofKey.limits.some((one) => one.name === "monthly" && one.unit === "requests")) throw new Error("no limit of the plan");
const limitOfKey = { params: { path: { key_id: key.key_id, limit_name: "monthly" } } };
await done(client.POST("/v1/keys/{key_id}/limits/{limit_name}/adjust", { ...limitOfKey, body: { add: -1, reason: "a test" } }));
const override = await done(client.POST("/v1/overrides", { body: { owner: owner.slug, limit: "monthly", quota: 9, until: inAWeek, reason: "a test" } }));
await done(client.GET("/v1/overrides", { params: { query: { owner: owner.slug } } }));
await done(client.DELETE("/v1/overrides/{override_id}", { params: { path: { override_id: override.id } } }));
await done(client.DELETE("/v1/owners/{slug}", owned));
await done(client.PATCH("/v1/keys/{key_id}", { ...path, body: { plan: null } }));
await done(client.DELETE("/v1/plans/{name}", named));

const verdict = await done(client.POST("/v1/verify", { body: { credential: secret, scopes: ["orders:read"] } }));
if (verdict.valid || verdict.code !== "INVALID" || verdict.owner !== null) throw new Error("a secret that ended is valid");
await done(client.GET("/v1/check", { params: { query: { scope: ["orders:read"], cost: 1 } } }));
const caller = await done(client.GET("/v1/whoami"));
const own = await done(client.GET("/v1/whoami/usage", { params: { query: { step: "hour" } } }));
own.map((step) => step.start);
const remaining: number | null = caller.remaining;
if (remaining === null) throw new Error("the calling key has no limit");

const events = await done(client.GET("/v1/events", { params: { query: { key_id: key.key_id } } }));
if (typeof events === "string") throw new Error("a stream, where a page was asked for");
if (!events.items.some((event) => event.type === "KeyIssued")) throw new Error("no event");

const webhook = await done(client.POST("/v1/webhooks", { body: { url: "https://hooks.example.com/", event_types: ["WebhookTested"] } }));
const hook = { params: { path: { webhook_id: webhook.id } } };
await done(client.GET("/v1/webhooks"));
await done(client.GET("/v1/webhooks/{webhook_id}", hook));
await done(client.POST("/v1/webhooks/{webhook_id}/test", hook));
let delivery: components["schemas"]["Delivery"] | undefined;
while (delivery === undefined) {
  const page = await done(client.GET("/v1/webhooks/{webhook_id}/deliveries", { params: { ...hook.params, query: { limit: 10 } } }));
  delivery = page.items.find((one) => one.event_id !== null);
  if (delivery === undefined) await new Promise((resolve) => setTimeout(resolve, 200));
}
const sent = { params: { path: { webhook_id: webhook.id, delivery_id: delivery.id } } };
const whole = await done(client.GET("/v1/webhooks/{webhook_id}/deliveries/{delivery_id}", sent));
if (whole.request.body === null) throw new Error("a delivery without its event");
await done(client.POST("/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/resend", sent));
await done(client.PATCH("/v1/webhooks/{webhook_id}", { ...hook, body: { enabled: false } }));
await done(client.POST("/v1/webhooks/{webhook_id}/rotate-secret", { ...hook, body: { grace_seconds: 0 } }));
await done(client.DELETE("/v1/webhooks/{webhook_id}", hook));

const waiver = await done(client.POST("/v1/waivers", { body: { guard_rail: "unused_key", reason: "a test", ends_at: inAWeek } }));
await done(client.GET("/v1/waivers"));
await done(client.DELETE("/v1/waivers/{waiver_id}", { params: { path: { waiver_id: waiver.id } } }));

await done(client.GET("/health"));
const health = await done(client.GET("/health/full"));
health.guard_rails.map((incident) => incident.remediation);
await done(client.GET("/metrics", { parseAs: "text" }));
await done(client.DELETE("/v1/keys/{key_id}", path));

console.log(JSON.stringify(made));
