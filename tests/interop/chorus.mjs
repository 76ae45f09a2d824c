// Our client of Chorus Pro with an OAuth2 server that others wrote: it grants the tokens, and `jose` judges them at the gateway.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { createLocalJWKSet, jwtVerify } from "jose";
import { OAuth2Server } from "oauth2-mock-server";

const account = "TECH_1@cpro.example:mot:de passe";

async function check(what, run) {
  try {
    await run();
  } catch (error) {
    console.log(`FAILED  chorus.mjs ${what}\n        ${error.stack}`);
    process.exit(1);
  }
  console.log(`ok      chorus.mjs ${what}`);
}

const piste = new OAuth2Server();
await piste.issuer.keys.generate("RS256");
await piste.start(0, "127.0.0.1");
const tokenUrl = `${piste.issuer.url}/token`;
const grants = [];
piste.service.on("beforeResponse", (response, request) => {
  grants.push(request.body);
  response.body.expires_in = 3600;
});

/** The gateway: both proofs, or nothing. */
const seen = [];
let refuse = 0;
const keys = createLocalJWKSet({ keys: piste.issuer.keys.toJSON() });
const gateway = http.createServer(async (request, response) => {
  const answer = (status, body) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  const body = JSON.parse(Buffer.concat(await request.toArray()));
  try {
    const token = request.headers.authorization.replace("Bearer ", "");
    const { payload } = await jwtVerify(token, keys, { issuer: piste.issuer.url });
    assert.ok(payload.exp > payload.iat);
    assert.equal(Buffer.from(request.headers["cpro-account"], "base64").toString(), account);
    if (refuse-- > 0) return answer(401, {});
  } catch (error) {
    return answer(403, { libelle: String(error) });
  }
  seen.push([request.method, request.url, body]);
  answer(200, { codeRetour: 0, libelle: "GCU_MSG_01_000", numeroFluxDepot: `CPP${seen.length}` });
});
gateway.listen(0, "127.0.0.1");
await once(gateway, "listening");

async function submit(...references) {
  const options = {
    "token-url": tokenUrl,
    base: `http://127.0.0.1:${gateway.address().port}`,
    "client-id": "piste-app",
    "client-secret": "s3cret&+ é",
    account,
  };
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(process.env.INTEROP, ["chorus", ...flags], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(references.map((reference) => JSON.stringify({ reference })).join("\n"));
  const said = Buffer.concat(await child.stdout.toArray()).toString();
  return said.trim().split("\n").map((line) => JSON.parse(line));
}

await check("a token of oauth2-mock-server is asked for once, and opens the gateway for several calls", async () => {
  assert.deepEqual(await submit("FAC-2026-00001", "FAC-2026-00002"), [{ ok: "CPP1" }, { ok: "CPP2" }]);
  assert.equal(grants.length, 1);
  const { grant_type, client_id, client_secret, scope } = grants[0];
  assert.deepEqual([grant_type, client_id, client_secret, scope], ["client_credentials", "piste-app", "s3cret&+ é", "openid"]);
  const [method, url, body] = seen[0];
  assert.deepEqual([method, url], ["POST", "/cpro/factures/v1/deposer/flux"]);
  assert.equal(Buffer.from(body.fichierFlux, "base64").toString(), "%PDF-1.7");
  assert.deepEqual([body.nomFichier, body.syntaxeFlux, body.avecSignature], ["FAC-2026-00001.pdf", "IN_DP_E2_CII_FACTURX", false]);
});

await check("a gateway that does not know the token is asked once more with a fresh one", async () => {
  refuse = 1;
  assert.deepEqual(await submit("FAC-2026-00003"), [{ ok: "CPP3" }]);
  assert.equal(grants.length, 3);
  refuse = 2;
  const [{ fault }] = await submit("FAC-2026-00004");
  assert.match(fault, /unknown/);
});

await check("without a token nothing is handed in, and nothing is decided", async () => {
  await piste.stop();
  const before = seen.length;
  const [{ fault }] = await submit("FAC-2026-00005");
  assert.match(fault, /unknown/);
  assert.equal(seen.length, before);
});
gateway.close();
