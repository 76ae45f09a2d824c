"""Web Push: http_ece decrypts what the worker sent, py-vapid believes who it is from. FCM: PyJWT believes the service account."""

import base64
import json
import os
import time

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02

from world import admin, check, client, nurse, post_mission, soon

SERVICE = os.environ["PUSH_SERVICE"]
PLACE = dict(latitude=44.84, longitude=-0.58)


def text(bytes):
    return base64.urlsafe_b64encode(bytes).decode().rstrip("=")


def bytes_of(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def book(path):
    """What the push service was sent at a path."""
    with open(os.environ["PUSH_BOOK"], encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines if line.endswith("\n")]
    return [entry for entry in entries if entry["path"] == path]


class Browser:
    def __init__(self, name):
        self.path = f"/push/{name}"
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = os.urandom(16)

    def subscription(self):
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": text(point), "auth": text(self.auth)}
        return {"endpoint": SERVICE + self.path, "keys": keys}

    def read(self, entry):
        body = bytes.fromhex(entry["body"])
        return json.loads(http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm"))


boss = admin()
poster = client(boss, "push-poster@example.org")
taker = nurse(boss, "push@example.org", "Zoé", PLACE)
browser = Browser("zoe")
taker.call("POST", "notifications/push-subscriptions", 201, browser.subscription())
taker.call("POST", "notifications/push-subscriptions", 201, {"fcmToken": "device-of-zoe"})
# Whatever the hour of this run.
wishes = taker.call("GET", "notifications/preferences", 200)
wishes.pop("mandatoryMails")
wishes["quietHours"]["enabled"] = False
taker.call("PUT", "notifications/preferences", 200, wishes)
post_mission(poster, PLACE, urgencyLevel="CRITICAL")

with check("http_ece decrypts the push with the browser's keys; it says what the app says"):
    [entry] = soon(lambda: book(browser.path))
    said = browser.read(entry)
    told = taker.call("GET", "notifications", 200)["items"][0]
    assert (said["title"], said["body"], said["notificationId"]) == (told["title"], told["body"], told["id"]), said
    assert said["type"] == "MISSION_INVITATION" and said["url"].startswith("https://app.example/invitations/"), said

with check("TTL, Urgency and Topic are as RFC 8030 has them; one record of aes128gcm, within 4,096 bytes"):
    headers = entry["headers"]
    assert headers["content-encoding"] == "aes128gcm" and int(headers["ttl"]) > 0, headers
    assert headers["urgency"] in ("very-low", "low", "normal", "high"), headers
    assert headers["topic"] == said["tag"] and len(headers["topic"]) <= 32, headers
    assert len(bytes.fromhex(entry["body"])) <= 4096

with check("py-vapid believes the Authorization header, by the key that browsers are given"):
    header = headers["authorization"]
    assert Vapid02.verify(header), header
    token, key = (part.partition("=")[2] for part in header.removeprefix("vapid ").replace(" ", "").split(","))
    assert key == taker.call("GET", "notifications/push/public-key", 200)["publicKey"], key
    claims = json.loads(bytes_of(token.split(".")[1]))
    assert (claims["aud"], claims["sub"]) == (SERVICE, "mailto:ops@example.org"), claims
    assert 0 < claims["exp"] - time.time() <= 24 * 3600, claims

with check("FCM: PyJWT believes the assertion, and the message names the device"):
    [granted] = soon(lambda: book("/token"))
    assert granted["status"] == 200, granted
    [sent] = soon(lambda: book("/v1/projects/interop/messages:send"))
    message = json.loads(bytes.fromhex(sent["body"]))["message"]
    assert sent["status"] == 200 and message["token"] == "device-of-zoe", message
    assert message["notification"]["title"] == said["title"], message
    assert all(isinstance(value, str) for value in message["data"].values()), message["data"]
