"""Makes what the operations of a run are about, through the API, and prints its ids as JSON: {name: [id, ...]}."""

import json
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

api = sys.argv[1]
run = sys.argv[2]


class Person:
    def __init__(self, session):
        self.token, self.id = session["accessToken"], session["user"]["id"]

    def call(self, method, path, body=None):
        return call(method, path, body, self.token)


def call(method, path, body=None, token=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{api}/api/v1{path}", data, headers, method=method)
    try:
        text = urllib.request.urlopen(request, timeout=30).read()
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()}")
    return json.loads(text) if text else None


def login(role):
    return Person(call("POST", "/auth/login", {"email": f"{role}@sociopulse.test", "password": "sociopulse-demo"}))


def ids(page, name="id"):
    return [item[name] for item in page["items"]]


client, talent, admin = login("client"), login("talent"), login("admin")

# An earlier run may have hidden the talent, declared it away or put it on a "never again" list.
talent.call("PATCH", "/me/profile", {"isMarketplaceVisible": True})
talent.call("PUT", "/me/availability", {})
for excluded in ids(client.call("GET", "/me/exclusions?limit=100"), "talentId"):
    client.call("DELETE", f"/me/exclusions/{excluded}")

# A day of its own for each run, so that nobody is booked twice.
day = datetime.now(timezone.utc).replace(hour=6, minute=0, second=0, microsecond=0) + timedelta(days=20 + 10 * int(run))
missions = [
    client.call("POST", "/matching/missions", {
        "jobId": "ide", "hourlyRateCents": 2500, "city": "Paris", "postalCode": "75011", "latitude": 48.8589,
        "longitude": 2.379, "specialties": ["geriatrie"], "startDate": (day + timedelta(days=n)).isoformat(),
    })
    for n in range(8)
]
applications = [
    talent.call("POST", f"/matching/missions/{mission['id']}/apply", {"coverLetter": "Je viens.", "proposedRateCents": 2800})["id"]
    for mission in missions[4:]
]
# Matching runs in the worker.
for _ in range(100):
    matched = [client.call("GET", f"/matching/missions/{mission['id']}") for mission in missions]
    if all(mission["matching"] != "PENDING" for mission in matched):
        break
    time.sleep(0.1)
option = {"name": "Une heure", "priceCents": 9000, "durationMinutes": 60}
services = [
    talent.call("POST", "/services", {
        "name": f"Atelier {n}", "description": "À deux.", "type": "COACHING_VIDEO", "options": [option],
    })["id"]
    for n in range(4)
]
# On a day without a mission.
bookings = [
    client.call("POST", "/bookings", {
        "serviceId": services[0], "option": "Une heure", "startsAt": (day + timedelta(days=8, hours=2 * n)).isoformat(),
    })["id"]
    for n in range(5)
]
# Strangers, whom an admin may ban.
strangers = [
    Person(call("POST", "/auth/register", {
        "email": f"stranger{n}.{run}@sociopulse.test", "password": "correct horse battery", "role": role,
        **({"clientType": "PARTICULAR"} if role == "CLIENT" else {}),
    }))
    for n, role in enumerate(["TALENT", "CLIENT"] * 3)
]
site = client.call("GET", "/me/establishment")["id"]
member = client.call("POST", f"/establishments/{site}/members", {"email": f"member.{run}@sociopulse.test", "role": "VIEWER"})
people = sorted({match["talentId"] for mission in missions for match in
                 client.call("GET", f"/matching/missions/{mission['id']}/matches")["items"]} | {talent.id})

json.dump({
    "missions": [mission["id"] for mission in missions],
    "conversations": [mission["conversationId"] for mission in matched if mission.get("conversationId")],
    "applications": applications,
    "services": services,
    "bookings": bookings,
    "invitations": ids(talent.call("GET", "/me/invitations?limit=100")),
    "establishments": [site],
    "members": [member["userId"]],
    "talents": people,
    "strangers": [stranger.id for stranger in strangers],
    "jobs": ids(admin.call("GET", "/admin/jobs?limit=100")),
    "queues": ids(admin.call("GET", "/admin/queues"), "name"),
    "notifications": sum((ids(person.call("GET", "/notifications?limit=50")) for person in (client, talent, admin)), []),
}, sys.stdout)
