"""Tokens as PyJWT reads and forges them, passwords as argon2-cffi verifies them."""

import os
import subprocess

import argon2
import httpx
import jwt

from world import API, PASSWORD, check, sign_in

SECRET = os.environ["JWT_SECRET"]
person = sign_in("register", email="ana@example.org", password=PASSWORD, role="CLIENT")
header = jwt.get_unverified_header(person.token)

with check("PyJWT verifies an access token: HS256, aud, kid"):
    claims = jwt.decode(person.token, SECRET, algorithms=["HS256"], audience="sociopulse")
    assert claims["sub"] == person.id and claims["exp"] - claims["iat"] == 15 * 60, claims
    assert header["alg"] == "HS256" and header["kid"], header


def answer(changes, key=SECRET, algorithm="HS256", **headers):
    """The status of `auth/me` with a token made by PyJWT: the true claims and header, with changes; None leaves out."""
    chosen = {name: value for name, value in (claims | changes).items() if value is not None}
    forged = jwt.encode(chosen, key, algorithm, headers={"kid": header["kid"]} | headers)
    return httpx.get(f"{API}/api/v1/auth/me", headers={"Authorization": f"Bearer {forged}"}).status_code


with check("a token made by PyJWT with the same key and claims is as good as ours"):
    assert answer({}) == 200

with check("refused with 401: alg none, another algorithm, audience, type, key or kid, expired, or unlimited"):
    none = dict(key=None, algorithm="none")
    for name, status in {
        "alg none": answer({}, **none),
        "alg HS512": answer({}, algorithm="HS512"),
        "another aud": answer({"aud": "elsewhere"}),
        "another typ": answer({"typ": "refresh"}),
        "another key": answer({}, key="x" * 48),
        "another kid": answer({}, kid="00000000"),
        "expired": answer({"exp": claims["iat"] - 1}),
        "no aud": answer({"aud": None}),
        "no exp": answer({"exp": None}),
        "another sub": answer({"sub": "00000000-0000-7000-8000-000000000000"}),
    }.items():
        assert status == 401, f"{name}: {status}"

with check("argon2-cffi verifies the stored password hash and finds m=47104, t=1, p=1"):
    query = "select password_hash from users where email = 'ana@example.org'"
    command = [os.environ["PSQL"], "-XqtAw", "-c", query, os.environ["DATABASE_URL"]]
    stored = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert argon2.PasswordHasher().verify(stored, PASSWORD)
    found = argon2.extract_parameters(stored)
    assert found.type is argon2.Type.ID and found.version == 19, found
    assert (found.memory_cost, found.time_cost, found.parallelism) == (47104, 1, 1), found
    assert found.salt_len >= 16 and found.hash_len >= 32, found
