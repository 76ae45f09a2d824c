"""A push service for browsers, FCM, and the token endpoint before it: writes down what it is sent.

Makes a service account for itself. An assertion is believed only when PyJWT believes it.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Desk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        entry = {"path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}}
        status, answer = (201, b"") if self.path.startswith("/push/") else self.fcm(body)
        book.write(json.dumps(entry | {"body": body.hex(), "status": status}) + "\n")
        book.flush()
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def fcm(self, body):
        if self.path != "/token":
            known = self.headers["authorization"] == "Bearer of-interop"
            return (200, b'{"name": "projects/interop/messages/1"}') if known else (401, b"{}")
        form = parse_qs(body.decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"], form
        claims = jwt.decode(form["assertion"][0], key.public_key(), algorithms=["RS256"], audience=f"{url}/token")
        assert (claims["iss"], claims["scope"]) == ("push@interop.example", SCOPE), claims
        assert claims["exp"] - claims["iat"] <= 3600, claims
        return 200, json.dumps({"access_token": "of-interop", "expires_in": 3600, "token_type": "Bearer"}).encode()

    def log_message(self, *_):
        pass


book = open(sys.argv[1], "w", encoding="utf-8")
server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
url = f"http://127.0.0.1:{server.server_address[1]}"
account = {
    "type": "service_account",
    "project_id": "interop",
    "client_email": "push@interop.example",
    "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    "token_uri": f"{url}/token",
}
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump(account, file)
print(server.server_address[1], flush=True)
server.serve_forever()
