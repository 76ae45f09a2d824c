// Stripe's own SDK: as a client of the sandbox, as the judge of its webhooks, and as a signer for our verification.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import Stripe from "stripe";

const base = new URL(process.env.STRIPE_SANDBOX);
const secrets = process.env.STRIPE_WEBHOOK_SECRET.split(",");
const options = { host: base.hostname, port: base.port, protocol: "http", maxNetworkRetries: 0, telemetry: false };
const stripe = new Stripe("sk_test_sandbox_interop", options);

async function check(what, run) {
  try {
    await run();
  } catch (error) {
    console.log(`FAILED  stripe.mjs ${what}\n        ${error.stack}`);
    process.exit(1);
  }
  console.log(`ok      stripe.mjs ${what}`);
}

async function control(path, body) {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${base.origin}/sandbox/${path}`, { method: "POST", headers, body: JSON.stringify(body ?? {}) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

// ---------------------------------------------------------------- webhooks, heard by the SDK

const heard = [];
const receiver = http.createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray());
  heard.push({ signature: request.headers["stripe-signature"], body });
  // The first one is not taken, and has to come again before the next.
  response.writeHead(heard.length === 1 ? 500 : 200).end();
  receiver.emit("heard");
});
receiver.listen(0, "127.0.0.1");
await once(receiver, "listening");
await control("webhooks", { url: `http://127.0.0.1:${receiver.address().port}/` });

const scene = {};

await check("customers, intents, confirmation, refusal of a card", async () => {
  const customer = await stripe.customers.create({ email: "zoe@example.org", metadata: { userId: "u" } });
  const fields = { amount: 20_000, currency: "eur", customer: customer.id, transfer_group: "m-1", metadata: { paymentId: "p" } };
  const intent = await stripe.paymentIntents.create(fields);
  assert.equal(intent.status, "requires_payment_method");
  const declined = stripe.paymentIntents.confirm(intent.id, { payment_method: "pm_card_visa_chargeDeclined" });
  await assert.rejects(declined, (error) => {
    assert.ok(error instanceof Stripe.errors.StripeCardError);
    assert.deepEqual([error.code, error.decline_code, error.statusCode], ["card_declined", "generic_decline", 402]);
    return error.payment_intent.id === intent.id;
  });
  scene.paid = await stripe.paymentIntents.confirm(intent.id, { payment_method: "pm_card_visa" });
  assert.deepEqual([scene.paid.status, scene.paid.amount_received], ["succeeded", 20_000]);
  const charge = await stripe.charges.retrieve(scene.paid.latest_charge);
  assert.ok(charge.paid && charge.captured && charge.transfer_group === "m-1");
  await assert.rejects(stripe.paymentIntents.cancel(intent.id), { code: "payment_intent_unexpected_state" });
  const other = await stripe.paymentIntents.create({ ...fields, amount: 50 });
  assert.equal((await stripe.paymentIntents.cancel(other.id)).status, "canceled");
  await assert.rejects(stripe.paymentIntents.create({ ...fields, amount: 49 }), { code: "amount_too_small" });
  await assert.rejects(stripe.paymentIntents.create({ ...fields, amont: 1 }), { code: "parameter_unknown" });
  await assert.rejects(stripe.paymentIntents.retrieve("pi_none"), { code: "resource_missing", statusCode: 404 });
});

await check("Express accounts, onboarding, transfers, reversals, balance", async () => {
  const account = await stripe.accounts.create({
    type: "express", country: "FR", business_type: "individual", email: "nadia@example.org",
    capabilities: { card_payments: { requested: true }, transfers: { requested: true } },
  });
  assert.equal(account.payouts_enabled, false);
  const link = await stripe.accountLinks.create({
    account: account.id, type: "account_onboarding", return_url: "http://app/back", refresh_url: "http://app/again",
  });
  const page = await (await fetch(link.url)).text();
  assert.match(page, /Sandbox, not Stripe/);
  const visit = () => fetch(link.url, { method: "POST", redirect: "manual" });
  assert.equal((await visit()).headers.get("location"), "http://app/back");
  assert.equal((await visit()).headers.get("location"), "http://app/again");
  assert.equal((await stripe.accounts.retrieve(account.id)).payouts_enabled, true);
  const transfer = await stripe.transfers.create({
    amount: 17_000, currency: "eur", destination: account.id, source_transaction: scene.paid.latest_charge, transfer_group: "m-1",
  });
  const reversal = await stripe.transfers.createReversal(transfer.id, { amount: 5_000 });
  assert.equal(reversal.transfer, transfer.id);
  assert.equal((await stripe.transfers.retrieve(transfer.id)).amount_reversed, 5_000);
  await assert.rejects(stripe.transfers.createReversal(transfer.id, { amount: 12_001 }), { statusCode: 400 });
  const listed = await stripe.transfers.list({ transfer_group: "m-1" }).autoPagingToArray({ limit: 10 });
  assert.deepEqual(listed.map(({ id }) => id), [transfer.id]);
  const held = await stripe.balance.retrieve({}, { stripeAccount: account.id });
  assert.equal(held.available[0].amount, 12_000);
});

await check("refunds, disputes, and a balance that its transactions explain, over several pages", async () => {
  const refund = await stripe.refunds.create({ payment_intent: scene.paid.id, amount: 8_000, metadata: { refundId: "r" } });
  assert.deepEqual([refund.status, refund.amount, refund.metadata.refundId], ["succeeded", 8_000, "r"]);
  await assert.rejects(stripe.refunds.create({ payment_intent: scene.paid.id, amount: 12_001 }), { param: "amount" });
  const dispute = await control(`charges/${scene.paid.latest_charge}/dispute`);
  await assert.rejects(stripe.refunds.create({ payment_intent: scene.paid.id }), { code: "charge_disputed" });
  await control(`disputes/${dispute.id}/close`, { verdict: "lost" });
  assert.equal((await stripe.disputes.retrieve(dispute.id)).status, "lost");
  const moved = await stripe.balanceTransactions.list({ limit: 2 }).autoPagingToArray({ limit: 100 });
  const [available] = (await stripe.balance.retrieve()).available;
  assert.equal(moved.reduce((sum, { net }) => sum + net, 0), available.amount);
  assert.ok(moved.every(({ amount, fee, net }) => amount - fee === net));
});

await check("the same key is the same answer; with other parameters an idempotency error; two at once a conflict", async () => {
  const fields = { amount: 100, currency: "eur" };
  const idempotencyKey = "interop-key";
  const [first, second] = [
    await stripe.paymentIntents.create(fields, { idempotencyKey }),
    await stripe.paymentIntents.create(fields, { idempotencyKey }),
  ];
  assert.equal(first.id, second.id);
  assert.equal(second.lastResponse.headers["idempotent-replayed"], "true");
  const other = stripe.paymentIntents.create({ ...fields, amount: 101 }, { idempotencyKey });
  await assert.rejects(other, (error) => error instanceof Stripe.errors.StripeIdempotencyError && error.statusCode === 400);
  await control("faults", { method: "POST", path: "/v1/payment_intents", fault: "slow", ms: 500 });
  const slow = stripe.paymentIntents.create(fields, { idempotencyKey: "slow" });
  await new Promise((done) => setTimeout(done, 100));
  await assert.rejects(stripe.paymentIntents.create(fields, { idempotencyKey: "slow" }), { statusCode: 409 });
  // The SDK asks once more by itself where a kept connection was closed.
  await control("faults", { path: "/v1/payment_intents", fault: "drop", times: 2 });
  const lost = stripe.paymentIntents.create(fields, { idempotencyKey: "lost" });
  await assert.rejects(lost, (error) => error instanceof Stripe.errors.StripeConnectionError);
  const calls = await (await fetch(`${base.origin}/sandbox/calls`)).json();
  const found = await stripe.paymentIntents.create(fields, { idempotencyKey: "lost" });
  assert.equal(found.id, calls.find(({ key }) => key === "lost").answer.id);
  assert.equal((await slow).amount, 100);
});

await check("a client that repeats by itself gets over an accident and a broken line, with one effect", async () => {
  const patient = new Stripe("sk_test_sandbox_interop", { ...options, maxNetworkRetries: 2 });
  for (const fault of ["fail", "drop-before", "drop"]) {
    const before = (await (await fetch(`${base.origin}/sandbox/objects/customer`)).json()).length;
    await control("faults", { method: "POST", path: "/v1/customers", fault });
    await patient.customers.create({ email: `${fault}@example.org` });
    const after = (await (await fetch(`${base.origin}/sandbox/objects/customer`)).json()).length;
    assert.equal(after, before + 1, fault);
  }
});

await check("constructEvent believes every webhook with either secret, in the order of the list", async () => {
  const listed = (await stripe.events.list({ limit: 3 }).autoPagingToArray({ limit: 1000 })).reverse();
  while (heard.length < listed.length + 1) await once(receiver, "heard", { signal: AbortSignal.timeout(15_000) });
  assert.equal(heard[0].body.compare(heard[1].body), 0, "the one that was not taken comes again");
  for (const [at, { signature, body }] of heard.slice(1).entries()) {
    for (const secret of secrets) {
      const event = stripe.webhooks.constructEvent(body, signature, secret);
      assert.equal(event.id, listed[at].id);
      assert.equal(event.api_version, "2026-09-30.endive");
    }
    assert.throws(() => stripe.webhooks.constructEvent(body, signature, "whsec_other"));
  }
  const types = new Set(listed.map(({ type }) => type));
  for (const type of ["payment_intent.succeeded", "charge.refunded", "charge.dispute.closed", "account.updated", "transfer.reversed"]) {
    assert.ok(types.has(type), type);
  }
});
receiver.close();
receiver.closeAllConnections();
await control("webhooks", { url: "" });

// ---------------------------------------------------------------- signatures, judged by us

const now = 1_790_000_000;
const body = JSON.stringify({ id: "evt_1", object: "event", note: "Été à 20 h €" });
const sign = (secret, timestamp, payload = body) => stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });
const both = (a, b) => `${a},${b.split(",")[1]}`;

await check("generateTestHeaderString: good, old, future, cut, doubled, of two secrets", () => {
  const [a, b] = ["whsec_a", "whsec_b"];
  const good = sign(a, now);
  const cases = [
    [good, "Good"],
    [sign(b, now), "Good"],
    [sign(a, now - 300), "Good"],
    [sign(a, now - 301), "Old"],
    [sign(a, now + 300), "Good"],
    [sign(a, now + 301), "Early"],
    [sign(a, now + 3600), "Early"],
    [sign("whsec_c", now), "Wrong"],
    [sign(a, now, body + " "), "Wrong"],
    [both(sign("whsec_c", now), good), "Good"],
    [both(good, sign("whsec_c", now)), "Good"],
    [both(good, good), "Good"],
    [good.slice(0, -1), "Malformed"],
    [good.split(",")[0], "Malformed"],
    [good.split(",")[1], "Malformed"],
    [good.replace("v1=", "v0="), "Malformed"],
    [`${good},${good}`, "Malformed"],
    ["", "Malformed"],
  ];
  const lines = cases.map(([header]) => JSON.stringify({ header, body, secrets: [a, b], now })).join("\n");
  const done = spawnSync(process.env.INTEROP, ["verify"], { input: lines, encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
  assert.deepEqual(done.stdout.trim().split("\n"), cases.map(([, verdict]) => verdict));
});

await check("the platform's webhook route: what the SDK signs with either secret is taken, once or twice; else 400", async () => {
  const seconds = Math.floor(Date.now() / 1000);
  const payload = JSON.stringify({
    id: `evt_interop_${seconds}`, object: "event", api_version: "2026-09-30.endive", created: seconds, livemode: false,
    pending_webhooks: 1, request: null, type: "customer.created", data: { object: { id: "cus_1", object: "customer" } },
  });
  const post = async (header, body = payload) => {
    const headers = { "content-type": "application/json; charset=utf-8", "stripe-signature": header };
    return (await fetch(`${process.env.API}/api/v1/payments/webhooks`, { method: "POST", headers, body })).status;
  };
  const [a, b] = secrets;
  assert.equal(await post(sign(a, seconds, payload)), 200);
  assert.equal(await post(sign(b, seconds, payload)), 200);
  assert.equal(await post(both(sign("whsec_c", seconds, payload), sign(b, seconds, payload))), 200);
  for (const header of [
    sign("whsec_c", seconds, payload), sign(a, seconds - 310, payload), sign(a, seconds + 310, payload), sign(a, seconds, payload).slice(0, -1),
    "", "t=1,v1=00",
  ]) {
    assert.equal(await post(header), 400, header);
  }
  assert.equal(await post(sign(a, seconds, payload), payload + " "), 400);
  assert.equal(await post(sign(a, seconds, "{}"), "{}"), 400);
});
// The SDK keeps connections open for a while.
process.exit(0);
