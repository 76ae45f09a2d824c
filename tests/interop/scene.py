"""Prints the scene of the chat: a client and a nurse who accepted her mission, with their tokens."""

import json

from world import admin, client, nurse, post_mission, soon

PLACE = dict(latitude=43.61, longitude=3.88)

boss = admin()
poster = client(boss, "lilas@example.org")
taker = nurse(boss, "camille@example.org", "Camille", PLACE)
mission = post_mission(poster, PLACE)
[invitation] = soon(lambda: taker.call("GET", "me/invitations", 200)["items"])
taker.call("POST", f"invitations/{invitation['id']}/accept", 200)
people = {name: {"id": who.id, "token": who.token} for name, who in [("client", poster), ("nurse", taker)]}
print(json.dumps({"mission": mission["id"]} | people))
