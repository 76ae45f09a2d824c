// LiveKit's SDK for Node verifies the guest's token, and signs a webhook that begins the session.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { AccessToken, TokenVerifier, WebhookEvent, WebhookReceiver } from "livekit-server-sdk";

const { API, LIVEKIT_API_KEY: key, LIVEKIT_API_SECRET: secret } = process.env;
const { booking, client } = JSON.parse(process.env.SESSION);
const room = `booking-${booking}`;

async function check(what, run) {
  try {
    await run();
  } catch (error) {
    console.log(`FAILED  video.mjs  ${what}\n        ${error.stack}`);
    process.exit(1);
  }
  console.log(`ok      video.mjs  ${what}`);
}

async function get(path) {
  const answer = await fetch(`${API}/api/v1/${path}`, { headers: { authorization: `Bearer ${client.token}` } });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

async function sign(body) {
  const token = new AccessToken(key, secret);
  token.sha256 = createHash("sha256").update(body).digest("base64");
  return token.toJwt();
}

async function tell(event) {
  // The class sets the name of its event back to nothing.
  const body = Object.assign(new WebhookEvent(event), { event: event.event }).toJsonString();
  const signature = await sign(body);
  await new WebhookReceiver(key, secret).receive(body, signature);
  const headers = { authorization: signature, "content-type": "application/webhook+json" };
  const answer = await fetch(`${API}/api/v1/video/webhooks`, { method: "POST", headers, body });
  assert.equal(answer.status, 200, await answer.text());
}

await check("TokenVerifier accepts the guest's token: room and grants, and no right of a host", async () => {
  const access = await get(`video/join/${booking}`);
  const claims = await new TokenVerifier(key, secret).verify(access.token);
  assert.equal(claims.sub, client.id);
  assert.equal(claims.name, access.name);
  const grants = { room, roomJoin: true, canPublish: true, canSubscribe: true, canPublishData: true };
  assert.deepEqual(claims.video, grants);
  assert(claims.exp - Date.now() / 1000 <= 2 * 3600 + 5);
});

await check("a webhook written and signed by the SDK begins the session", async () => {
  const createdAt = BigInt(Math.floor(Date.now() / 1000));
  const participant = { identity: client.id, sid: "PA_2" };
  await tell({ event: "participant_joined", id: "EV_node", createdAt, room: { name: room }, participant });
  const deadline = Date.now() + 15_000;
  while ((await get(`bookings/${booking}`)).status !== "IN_PROGRESS") {
    assert(Date.now() < deadline, "the session has not begun");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
});
