// Resend's own SDK asks as we ask, and its webhooks, signed by the library that Resend names, close an address.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { Resend } from "resend";
import { Webhook } from "standardwebhooks";

const { API, INTEROP, RESEND_WEBHOOK_SECRET: secret } = process.env;

async function check(what, run) {
  try {
    await run();
  } catch (error) {
    console.log(`FAILED  resend.mjs ${what}\n        ${error.stack}`);
    process.exit(1);
  }
  console.log(`ok      resend.mjs ${what}`);
}

const heard = [];
const server = http.createServer(async (request, response) => {
  const body = JSON.parse(Buffer.concat(await request.toArray()).toString());
  heard.push({ method: request.method, path: request.url, headers: request.headers, body });
  response.writeHead(200, { "content-type": "application/json" }).end('{"id":"49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}');
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const baseUrl = `http://127.0.0.1:${server.address().port}`;

await check("the SDK, asked for the same mail, sends the same request", async () => {
  const letter = JSON.stringify({ id: "0199f2d4-5d4e-7c3b-8a21-6f0d9be1c2a7", to: "zoe@example.org", token: "t" });
  const ours = spawn(INTEROP, ["resend", "--base", baseUrl, "--key", "re_interop"], { stdio: ["pipe", "inherit", "inherit"] });
  ours.stdin.end(`${letter}\n`);
  const [status] = await once(ours, "exit");
  assert.equal(status, 0);
  const mail = heard[0].body;
  const attachments = mail.attachments.map(({ content_type: contentType, ...rest }) => ({ ...rest, contentType }));
  const resend = new Resend("re_interop", { baseUrl });
  const options = { idempotencyKey: heard[0].headers["idempotency-key"] };
  const { error } = await resend.emails.send({ ...mail, attachments }, options);
  assert.equal(error, null);
  const [first, second] = heard;
  assert.deepEqual(first.body, second.body);
  for (const name of ["authorization", "idempotency-key", "content-type"]) {
    assert.equal(first.headers[name], second.headers[name], name);
  }
  assert.deepEqual([first.method, first.path], [second.method, second.path]);
});

await check("a bounce that Resend's library signed and its SDK verifies closes the address; a changed one is refused", async () => {
  const event = {
    type: "email.bounced",
    created_at: new Date().toISOString(),
    data: { email_id: "e", to: ["bounced@resend.example"], subject: "s", bounce: { type: "Permanent", subType: "General", message: "gone" } },
  };
  const payload = JSON.stringify(event);
  const [id, now] = ["msg_interop", new Date()];
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const signature = new Webhook(secret).sign(id, now, payload);
  const verified = new Resend("re_interop").webhooks.verify({ payload, webhookSecret: secret, headers: { id, timestamp, signature } });
  assert.equal(verified.type, "email.bounced");
  const headers = { "svix-id": id, "svix-timestamp": timestamp, "svix-signature": signature, "content-type": "application/json" };
  const tell = (body) => fetch(`${API}/api/v1/mail/webhooks`, { method: "POST", headers, body });
  assert.equal((await tell(payload)).status, 200);
  assert.equal((await tell(payload.replace("bounced@", "other@"))).status, 400);
  const password = "correct horse battery";
  const login = { email: "admin@example.org", password };
  const json = { "content-type": "application/json" };
  const session = await (await fetch(`${API}/api/v1/auth/login`, { method: "POST", headers: json, body: JSON.stringify(login) })).json();
  const list = `${API}/api/v1/admin/mail-suppressions?email=bounced@resend.example`;
  const closed = await (await fetch(list, { headers: { authorization: `Bearer ${session.accessToken}` } })).json();
  assert.deepEqual(closed.items.map((item) => [item.reason, item.detail]), [["BOUNCED", "gone"]]);
});

server.close();
