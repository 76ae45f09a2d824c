"""Prints a video session that is about to begin: its booking and the two of it, with their tokens.

What a payment would do, and the days until the session, are written into the database.
"""

import json
import os
import subprocess

from world import admin, client, nurse, tomorrow

boss = admin()
buyer = client(boss, "tilleuls@example.org")
seller = nurse(boss, "nadia@example.org", "Nadia", dict(latitude=43.61, longitude=3.88))
option = dict(name="Une heure", priceCents=9000, durationMinutes=60)
offer = dict(name="Analyse de pratiques", description="À deux.", type="COACHING_VIDEO", options=[option])
service = seller.call("POST", "services", 201, offer)
wish = dict(serviceId=service["id"], option="Une heure", startsAt=tomorrow(3))
booking = buyer.call("POST", "bookings", 201, wish)["id"]
seller.call("POST", f"bookings/{booking}/accept", 200)
begin = f"""update bookings set status = 'PAID', paid_at = now(), starts_at = now() + interval '5 minutes',
            ends_at = now() + interval '65 minutes' where id = '{booking}'"""
subprocess.run([os.environ["PSQL"], "-Xq", "-v", "ON_ERROR_STOP=1", "-c", begin, os.environ["DATABASE_URL"]], check=True)
people = {name: {"id": who.id, "token": who.token} for name, who in [("client", buyer), ("talent", seller)]}
print(json.dumps({"booking": booking} | people))
