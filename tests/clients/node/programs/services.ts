// The same small service in every framework: what tests/latchkey/integrations/apps.py does in Python.
import { createServer, type Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import express, { type ErrorRequestHandler } from "express";
import Fastify from "fastify";
import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import * as forExpress from "@latchkey/node/express";
import * as forFastify from "@latchkey/node/fastify";
import * as forHono from "@latchkey/node/hono";
import type { Options, Principal } from "@latchkey/node/express";

const ORDERS = { scopes: ["orders:read"] };
const EXPORTS = { cost: 5 };

function seen({ keyId, owner, scopes, label, metadata, verified }: Principal): object {
  return { key_id: keyId, owner, scopes: [...scopes].sort(), label, metadata, verified };
}

function expressApp(options: Options): Server {
  const { requireKey } = forExpress.latchkey(options);
  const app = express();
  const nested = express.Router();
  const failing: ErrorRequestHandler = (_error, _request, response, _next) => void response.status(418).end();
  app.get("/orders", requireKey(ORDERS), (request, response) => void response.json(seen(request.latchkey)));
  app.get("/exports", requireKey(EXPORTS), (request, response) => void response.json(seen(request.latchkey)));
  app.get("/gone", requireKey(), (_request, _response, next) => next(Object.assign(new Error(), { status: 404 })));
  app.get("/health", (_request, response) => void response.json("ok"));
  nested.use(requireKey({ cost: 2 }));
  nested.get("/cheap", requireKey({ scopes: ["a:b"] }), (_request, response) => void response.end());
  nested.get("/costly", requireKey({ scopes: ["a:b"], cost: 7 }), (_request, response) => void response.end());
  app.use("/nested", nested);
  app.use("/mistake", forExpress.latchkey(options).requireKey as never, failing);
  return createServer(app);
}

async function fastifyApp(options: Options): Promise<Server> {
  const { requireKey } = forFastify.latchkey(options);
  const app = Fastify();
  app.get("/orders", { onRequest: requireKey(ORDERS) }, async (request) => seen(request.latchkey));
  app.get("/exports", { onRequest: requireKey(EXPORTS) }, async (request) => seen(request.latchkey));
  app.get("/gone", { onRequest: requireKey() }, async () => {
    throw Object.assign(new Error("gone"), { statusCode: 404 });
  });
  app.get("/health", async () => "ok");
  await app.register(
    async (nested) => {
      nested.addHook("onRequest", requireKey({ cost: 2 }));
      nested.get("/cheap", { onRequest: requireKey({ scopes: ["a:b"] }) }, async () => "");
      nested.get("/costly", { onRequest: requireKey({ scopes: ["a:b"], cost: 7 }) }, async () => "");
      nested.get("/*", async () => "");
    },
    { prefix: "/nested" },
  );
  await app.ready();
  return app.server;
}

function honoApp(options: Options): Server {
  const { requireKey } = forHono.latchkey(options);
  const app = new Hono();
  app.get("/orders", requireKey(ORDERS), (context) => context.json(seen(context.var.latchkey)));
  app.get("/exports", requireKey(EXPORTS), (context) => Response.json(seen(context.var.latchkey)));
  app.get("/gone", requireKey(), () => {
    throw new HTTPException(404);
  });
  app.get("/health", (context) => context.text("ok"));
  app.use("/nested/*", requireKey({ cost: 2 }));
  app.get("/nested/cheap", requireKey({ scopes: ["a:b"] }), (context) => context.body(""));
  app.get("/nested/costly", requireKey({ scopes: ["a:b"], cost: 7 }), (context) => context.body(""));
  return createAdaptorServer(app) as Server;
}

export const SERVICES: Readonly<Record<string, (options: Options) => Server | Promise<Server>>> = {
  express: expressApp,
  fastify: fastifyApp,
  hono: honoApp,
};
