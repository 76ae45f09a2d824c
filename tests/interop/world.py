"""The platform under test, as foreign software sees it: addresses, people, and a line for each check."""

import datetime
import os
import sys
import time
import traceback
from contextlib import contextmanager

import httpx

API = os.environ["API"]
PASSWORD = "correct horse battery"
ADMIN = "admin@example.org"
AREA = os.path.basename(sys.argv[0])


@contextmanager
def check(what):
    """One line: passed, or failed and why; the first failure ends the run."""
    try:
        yield
    except Exception as error:
        ours = [f for f in traceback.extract_tb(error.__traceback__) if os.path.dirname(__file__) in f.filename]
        reason = f"{type(error).__name__}: {error}".strip().removesuffix(":")
        print(f"FAILED  {AREA:<10} {what}\n        {reason}\n        line {ours[-1].lineno}: {ours[-1].line}", flush=True)
        sys.exit(1)
    print(f"ok      {AREA:<10} {what}", flush=True)


def soon(look, seconds=30):
    """Looks again and again until there is something to see."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"nothing within {seconds} s"
        time.sleep(0.1)
    return seen


def tomorrow(days=1):
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)).isoformat()


class Person:
    """Someone who is signed in."""

    def __init__(self, session):
        self.token = session["accessToken"]
        self.id = session["user"]["id"]
        self.http = httpx.Client(base_url=API, headers={"Authorization": f"Bearer {self.token}"}, timeout=30)

    def call(self, method, path, status, body=None):
        answer = self.http.request(method, f"/api/v1/{path}", json=body)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()


def sign_in(path, **body):
    answer = httpx.post(f"{API}/api/v1/auth/{path}", json=body, timeout=30)
    assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
    return Person(answer.json())


def admin():
    return sign_in("login", email=ADMIN, password=PASSWORD)


def client(boss, email):
    """A verified client with an establishment."""
    new = dict(email=email, password=PASSWORD, role="CLIENT", firstName="Jean", establishmentName="EHPAD des Lilas")
    person = sign_in("register", **new)
    boss.call("PATCH", f"admin/users/{person.id}/validate", 200)
    return person


def nurse(boss, email, first_name, place):
    """A verified nurse whose documents are all approved."""
    person = sign_in("register", email=email, password=PASSWORD, role="TALENT", firstName=first_name, lastName="Martin")
    boss.call("PATCH", f"admin/users/{person.id}/validate", 200)
    boss.call("PATCH", f"admin/users/{person.id}/compliance", 200, {"status": "VALIDATED"})
    person.call("PATCH", "me/profile", 200, {"jobId": "ide", "city": "Lyon", **place})
    return person


def post_mission(poster, place, **more):
    mission = dict(jobId="ide", hourlyRateCents=2550, city="Lyon", postalCode="69003", startDate=tomorrow(), **place)
    return poster.call("POST", "matching/missions", 201, mission | more)
