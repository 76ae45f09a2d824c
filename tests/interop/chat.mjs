// WebSocket, with Node's `ws`.

import assert from "node:assert/strict";
import { once } from "node:events";
import WebSocket from "ws";

const url = process.env.API.replace("http", "ws") + "/api/v1/ws";
const { mission, client, nurse } = JSON.parse(process.env.SCENE);

async function check(what, run) {
  try {
    await run();
  } catch (error) {
    console.log(`FAILED  chat.mjs   ws: ${what}\n        ${error.stack}`);
    process.exit(1);
  }
  console.log(`ok      chat.mjs   ws: ${what}`);
}

/** A socket whose frames can be waited for. */
async function open(protocols, options) {
  const socket = new WebSocket(url, protocols, options);
  const frames = [];
  socket.on("message", (data) => {
    frames.push(JSON.parse(data));
    socket.emit("frame");
  });
  socket.next = async () => {
    if (frames.length === 0) await once(socket, "frame", { signal: AbortSignal.timeout(15_000) });
    return frames.shift();
  };
  socket.until = async (event) => {
    for (;;) {
      const frame = await socket.next();
      if (frame.event === event) return frame.data;
    }
  };
  socket.say = (event, data, id) => socket.send(JSON.stringify({ event, data, id }));
  await once(socket, "open", { signal: AbortSignal.timeout(15_000) });
  return socket;
}

const byHeader = (person) => open([], { headers: { Authorization: `Bearer ${person.token}` } });
const closed = async (socket) => (await once(socket, "close", { signal: AbortSignal.timeout(15_000) }))[0];

await check("signs in by header", async () => {
  const socket = await byHeader(nurse);
  assert.equal((await socket.until("ready")).userId, nurse.id);
  socket.close();
});

await check("signs in by sub-protocol", async () => {
  const socket = await open(["bearer", nurse.token]);
  assert.equal(socket.protocol, "bearer");
  assert.equal((await socket.next()).event, "ready");
  socket.close();
});

await check("signs in by a first frame", async () => {
  const socket = await open([]);
  socket.say("auth", { token: nurse.token });
  assert.equal((await socket.next()).event, "ready");
  socket.close();
});

let seq;
await check("join, send, ack before chat:message, both sides receive", async () => {
  const [here, there] = [await byHeader(nurse), await byHeader(client)];
  for (const socket of [here, there]) {
    socket.say("mission:join", mission); // the bare id, as the first clients sent it
    seq = (await socket.until("mission:joined")).seq;
  }
  assert.equal((await here.until("presence")).online, true);
  here.say("chat:send", { missionId: mission, content: "J’arrive à 8 h." }, "second");
  const [ack, message] = [await here.next(), await here.next()];
  assert.deepEqual([ack.event, ack.id, ack.data.seq], ["ack", "second", seq + 1]);
  assert.deepEqual([message.event, message.data.seq], ["chat:message", seq + 1]);
  assert.deepEqual(await there.until("chat:message"), message.data);
  here.close();
  there.close();
});

await check("comes back with afterSeq and misses nothing", async () => {
  const socket = await byHeader(client);
  socket.say("mission:join", { missionId: mission, afterSeq: seq - 2 });
  await socket.until("mission:joined");
  for (let n = seq - 1; n <= seq + 1; n++) assert.equal((await socket.until("chat:message")).seq, n);
  socket.close();
});

await check("4401 when nobody signs in within 5 s", async () => {
  assert.equal(await closed(await open([])), 4401);
});

await check("1009 for a frame above 16 KiB", async () => {
  const socket = await byHeader(nurse);
  socket.say("chat:send", { missionId: mission, content: "x".repeat(17 * 1024) });
  assert.equal(await closed(socket), 1009);
});
