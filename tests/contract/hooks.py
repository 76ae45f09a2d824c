"""Well-formed ids become, three times in four, ids of what was made for this run: else every answer would be 404."""

import json
import os
import uuid
import zlib

import schemathesis

with open(os.environ["CONTRACT_IDS"]) as file:
    IDS = json.load(file)

# Part of a path, and what its placeholder names.
MEANS = {
    "/matching/missions/{id}": "missions",
    "/missions/{id}": "missions",
    "/applications/{id}": "applications",
    "/invitations/{id}": "invitations",
    "/services/{id}": "services",
    "/bookings/{id}": "bookings",
    "/video/join/{bookingId}": "bookings",
    "/conversations/{id}": "conversations",
    "/establishments/{id}": "establishments",
    "/members/{user_id}": "members",
    "/me/exclusions/{talentId}": "talents",
    "/talents/{id}": "talents",
    "/notifications/{id}": "notifications",
    "/admin/jobs/{id}": "jobs",
    "/admin/users/{id}": "strangers",
    "/admin/queues/{name}": "queues",
}


def is_well_formed(name, value):
    if name == "name":
        return isinstance(value, str) and 0 < len(value) <= 60
    try:
        return bool(uuid.UUID(str(value)))
    except ValueError:
        return False


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    changed = dict(path_parameters or {})
    for name, value in changed.items():
        means = next((what for part, what in MEANS.items() if part in context.operation.path and f"{{{name}}}" in part), None)
        # By the value itself, so that the same case is the same request.
        dice = zlib.crc32(str(value).encode())
        if means and IDS[means] and dice % 4 and is_well_formed(name, value):
            changed[name] = IDS[means][dice // 4 % len(IDS[means])]
    return changed
