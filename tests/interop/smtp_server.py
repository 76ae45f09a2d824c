"""A mail server: asks for a password, refuses some people, and writes down every mail and what it answered.

Recipients `unknown…` do not exist (550). For `greylisted…` the first try is turned away (451), as many servers do. Those of
`@moody.example` get what stands behind the hyphen of their name; see MOODS. While they are written to, some connections are turned
away at the door, or left standing there.
"""

import asyncio
import json
import sys

from aiosmtpd.smtp import SMTP, AuthResult

LONG = 60
"""Seconds; nobody waits that long."""


class Post:
    def __init__(self, book):
        self.book = book
        self.seen = set()
        self.moody = False

    def write(self, entry):
        self.book.write(json.dumps(entry) + "\n")
        self.book.flush()

    def mood(self, address):
        name, _, domain = address.partition("@")
        if domain != "moody.example":
            return None
        self.moody = True
        return name.partition("-")[2]

    def first(self, address):
        """Each address is moody once."""
        new = address not in self.seen
        self.seen.add(address)
        return new

    async def handle_RCPT(self, server, session, envelope, address, options):
        mood = self.mood(address)
        if address.startswith("unknown") or mood == "550":
            if mood:
                self.write({"refused": address})
            return "550 5.1.1 nobody of that name here"
        if mood in ("421", "rcpt451", "rcptstall") and self.first(address):
            self.write({"put off": address})
            if mood == "421":
                asyncio.get_running_loop().call_later(0.01, server.transport.close)
                return "421 4.3.2 shutting down"
            if mood == "rcpt451":
                return "451 4.7.1 not now, please try again"
            await asyncio.sleep(LONG)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        entry = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "mail": envelope.content.decode("latin-1")}
        mood = self.mood(envelope.rcpt_tos[0])
        if mood in ("data451", "datastall", "drop") and self.first(envelope.rcpt_tos[0]):
            if mood == "drop":
                self.write(entry | {"answer": "250 2.0.0 taken, and hung up"})
                server.transport.abort()
                await asyncio.sleep(LONG)
            self.write({"put off": envelope.rcpt_tos[0]})
            if mood == "datastall":
                await asyncio.sleep(LONG)
            return "451 4.3.0 not now, please try again"
        greylisted = [to for to in envelope.rcpt_tos if to.startswith("greylisted") and to not in self.seen]
        self.seen.update(greylisted)
        answer = "451 4.7.1 not now, please try again" if greylisted else "250 2.0.0 taken"
        self.write(entry | {"answer": answer})
        return answer


class Door(SMTP):
    """Every twentieth who comes is turned away, every fiftieth left standing."""

    came = 0

    async def _handle_client(self):
        if self.event_handler.moody:
            Door.came += 1
            if Door.came % 50 == 0:
                await asyncio.sleep(LONG)
            if Door.came % 20 == 0:
                await self.push("421 4.3.2 too many of you")
                self.transport.close()
                return
        await super()._handle_client()


def authenticate(server, session, envelope, mechanism, login):
    return AuthResult(success=(login.login, login.password) == (b"interop", b"p@ss/word"))


async def main(book):
    post = Post(open(book, "w", encoding="utf-8"))
    settings = dict(hostname="mail.example.org", auth_required=True, auth_require_tls=False, authenticator=authenticate)
    server = await asyncio.get_running_loop().create_server(lambda: Door(post, **settings), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main(sys.argv[1]))
