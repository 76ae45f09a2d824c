"""LiveKit's SDK for Python verifies the host's token, and signs a webhook that the platform believes."""

import base64
import hashlib
import json
import os
import time

import httpx
from google.protobuf.json_format import MessageToJson
from livekit import api
from livekit.protocol.models import ParticipantInfo, Room
from livekit.protocol.webhook import WebhookEvent

from world import API, check, soon

KEY, SECRET = os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"]
session = json.loads(os.environ["SESSION"])
room = f"booking-{session['booking']}"
host = session["talent"]


def get(path):
    answer = httpx.get(f"{API}/api/v1/{path}", headers={"Authorization": f"Bearer {host['token']}"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def tell(body, signature):
    headers = {"Authorization": signature, "Content-Type": "application/webhook+json"}
    return httpx.post(f"{API}/api/v1/video/webhooks", content=body, headers=headers)


def sign(body, key=KEY, secret=SECRET):
    return api.AccessToken(key, secret).with_sha256(base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()).to_jwt()


with check("TokenVerifier accepts the host's token: room, grants, identity, name"):
    access = get(f"video/join/{session['booking']}")
    claims = api.TokenVerifier(KEY, SECRET).verify(access["token"])
    assert (claims.identity, claims.name) == (host["id"], "Nadia M."), claims
    video = claims.video
    assert (video.room, video.room_join, video.room_admin) == (room, True, True), video
    assert video.can_publish and video.can_subscribe and video.can_publish_data, video
    assert not (video.room_create or video.room_list or video.room_record), video
    assert access["url"] == os.environ["LIVEKIT_URL"], access

joined = WebhookEvent(
    event="participant_joined", id="EV_python", created_at=int(time.time()), room=Room(name=room, sid="RM_1"),
    participant=ParticipantInfo(identity=host["id"], sid="PA_1"),
)
body = MessageToJson(joined)

with check("a webhook written and signed by the SDK is taken, and a second time too"):
    for _ in range(2):
        assert tell(body, sign(body)).status_code == 200

with check("WebhookReceiver accepts what the platform was sent"):
    received = api.WebhookReceiver(api.TokenVerifier(KEY, SECRET)).receive(body, sign(body))
    assert received.id == "EV_python", received

with check("refused with 400: another body, another secret, another key"):
    other = body.replace("EV_python", "EV_forged")
    for signature in [sign(body), sign(other, secret="x" * 48), sign(other, key="other")]:
        answer = tell(other, signature)
        assert (answer.status_code, answer.json()["code"]) == (400, "BAD_SIGNATURE"), answer.text

with check("one of the two is there: the session has not begun"):
    seen = soon(lambda: get("video/upcoming")["items"])
    assert seen[0]["status"] == "PAID" and seen[0]["isOpen"], seen
