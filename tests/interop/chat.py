"""WebSocket, with Python's `websockets`."""

import asyncio
import json
import os
import time

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from world import API, check

URL = API.replace("http", "ws", 1) + "/api/v1/ws"
scene = json.loads(os.environ["SCENE"])
mission, client, nurse = scene["mission"], scene["client"], scene["nurse"]


async def emit(socket, event, data, id=None):
    await socket.send(json.dumps({"event": event, "data": data} | ({"id": id} if id else {})))


async def frame(socket):
    return json.loads(await asyncio.wait_for(socket.recv(), 15))


async def until(socket, event):
    """The data of the next frame of this event."""
    while (got := await frame(socket))["event"] != event:
        pass
    return got["data"]


async def closed(socket):
    try:
        while True:
            await asyncio.wait_for(socket.recv(), 15)
    except ConnectionClosed as end:
        return end.rcvd and end.rcvd.code


def by_header(person):
    return connect(URL, additional_headers={"Authorization": f"Bearer {person['token']}"})


async def signing_in():
    with check("websockets: signs in by header"):
        async with by_header(client) as socket:
            ready = await frame(socket)
            assert ready["event"] == "ready" and ready["data"]["userId"] == client["id"], ready
    with check("websockets: signs in by sub-protocol"):
        async with connect(URL, subprotocols=["bearer", client["token"]]) as socket:
            assert socket.subprotocol == "bearer", socket.subprotocol
            assert (await frame(socket))["event"] == "ready"
    with check("websockets: signs in by a first frame"):
        async with connect(URL) as socket:
            await emit(socket, "auth", {"token": client["token"]})
            assert (await frame(socket))["event"] == "ready"


async def talking():
    with check("websockets: join, send, ack before chat:message, both sides receive"):
        async with by_header(client) as here, by_header(nurse) as there:
            for socket in [here, there]:
                await emit(socket, "mission:join", {"missionId": mission})
                joined = await until(socket, "mission:joined")
                assert set(joined["members"]) == {client["id"], nurse["id"]}, joined
            assert (await until(here, "presence"))["userId"] == nurse["id"]
            await emit(here, "chat:send", {"missionId": mission, "content": "Tu arrives à l’heure ? 🙂"}, id="first")
            ack, message = await frame(here), await frame(here)
            assert (ack["event"], ack["id"]) == ("ack", "first"), ack
            assert message["event"] == "chat:message" and message["data"]["seq"] == ack["data"]["seq"], message
            assert await until(there, "chat:message") == message["data"]
            assert message["data"]["content"] == "Tu arrives à l’heure ? 🙂", message
    with check("websockets: comes back with afterSeq and misses nothing"):
        async with by_header(client) as here:
            for n in range(3):
                await emit(here, "chat:send", {"missionId": mission, "content": f"message {n}"})
                await until(here, "ack")
        async with by_header(nurse) as there:
            await emit(there, "mission:join", {"missionId": mission, "afterSeq": joined["seq"] + 1})
            await until(there, "mission:joined")
            missed = [await until(there, "chat:message") for _ in range(3)]
            assert [m["content"] for m in missed] == [f"message {n}" for n in range(3)], missed
            assert [m["seq"] for m in missed] == [joined["seq"] + 2 + n for n in range(3)], missed
    with check("websockets: a message in fragments is one frame, a ping is answered"):
        async with by_header(client) as here:
            text = json.dumps({"event": "chat:send", "data": {"missionId": mission, "content": "En morceaux"}})
            await here.send([text[:9], text[9:30], text[30:]])
            await until(here, "ack")
            await asyncio.wait_for(await here.ping(), 15)


async def closing():
    with check("websockets: 4401 when nobody signs in within 5 s"):
        began = time.monotonic()
        async with connect(URL) as socket:
            code = await closed(socket)
            assert code == 4401 and 4.5 < time.monotonic() - began < 7, (code, time.monotonic() - began)
    with check("websockets: 1009 for a frame above 16 KiB"):
        async with by_header(client) as socket:
            await until(socket, "ready")
            await emit(socket, "chat:send", {"missionId": mission, "content": "x" * 17 * 1024})
            code = await closed(socket)
            assert code == 1009, code


async def main():
    await signing_in()
    await talking()
    await closing()


asyncio.run(main())
