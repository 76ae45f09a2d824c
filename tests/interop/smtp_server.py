"""A mail server: asks for a password, refuses some people, and writes down every mail and what it answered.

Recipients `unknown…` do not exist (550). For `greylisted…` the first try is turned away (451), as many servers do.
"""

import asyncio
import json
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Post:
    def __init__(self, book):
        self.book = book
        self.seen = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("unknown"):
            return "550 5.1.1 nobody of that name here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        greylisted = [to for to in envelope.rcpt_tos if to.startswith("greylisted") and to not in self.seen]
        self.seen.update(greylisted)
        answer = "451 4.7.1 not now, please try again" if greylisted else "250 2.0.0 taken"
        entry = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "answer": answer}
        self.book.write(json.dumps(entry | {"mail": envelope.content.decode("latin-1")}) + "\n")
        self.book.flush()
        return answer


def authenticate(server, session, envelope, mechanism, login):
    return AuthResult(success=(login.login, login.password) == (b"interop", b"p@ss/word"))


async def main(book):
    post = Post(open(book, "w", encoding="utf-8"))
    settings = dict(hostname="mail.example.org", auth_required=True, auth_require_tls=False, authenticator=authenticate)
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(post, **settings), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main(sys.argv[1]))
