"""SMTP: what the worker's mails look like to a mail server and to a mail reader that are not ours."""

import email
import email.policy
import json
import os
import re
from html.parser import HTMLParser

import httpx
from world import admin, check, client, nurse, post_mission, soon

TITLE = "Relève « à l’heure » <b>nuit</b> & jour"
PLACE = dict(latitude=45.76, longitude=4.86)


def book():
    """Every mail that the server was handed, with its answer."""
    with open(os.environ["MAIL_BOOK"], encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.endswith("\n")]


def handed(to):
    return [entry for entry in book() if to in entry["to"]]


def read(entry):
    return email.message_from_bytes(entry["mail"].encode("latin-1"), policy=email.policy.default)


def invitations(to):
    """Of the mails to somebody, those about the mission: a registration is answered by mail too."""
    return [entry for entry in handed(to) if TITLE in read(entry)["Subject"]]


class Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.links, self.text = set(), [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.links += [value for name, value in attributes if name == "href"]

    def handle_data(self, data):
        self.text += data


boss = admin()
poster = client(boss, "poster@example.org")
for name in ["zoe", "greylisted", "unknown"]:
    nurse(boss, f"{name}@example.org", "Zoé", PLACE)
post_mission(poster, PLACE, title=TITLE)


def mail_jobs(state):
    return boss.call("GET", f"admin/jobs?kind=send-mail&state={state}", 200)["items"]


with check("the worker signs in and hands over a mail, to one recipient"):
    [entry] = soon(lambda: invitations("zoe@example.org"))
    assert entry["to"] == ["zoe@example.org"] and entry["from"] == "ne-pas-repondre@sociopulse.test", entry
    mail = read(entry)
    assert not mail.defects and mail["To"] == "zoe@example.org", mail["To"]
    assert mail["From"] == "SocioPulse <ne-pas-repondre@sociopulse.test>" and mail["Date"].datetime, mail["From"]

with check("Message-ID is the job's id"):
    # Delivered, but perhaps not yet written into the ledger.
    done = soon(lambda: (jobs := mail_jobs("DONE")) and [f"<{job['id']}@sociopulse.test>" for job in jobs])
    assert mail["Message-ID"] in done, (mail["Message-ID"], done)

with check("a text and an HTML part; French in UTF-8 decodes in both, and in the subject"):
    assert mail.get_content_type() == "multipart/alternative", mail.get_content_type()
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    text = mail.get_body(["plain"]).get_content()
    html = mail.get_body(["html"]).get_content()
    page = Page(html)
    assert mail["Subject"] == f"{TITLE} à Lyon : une mission pour vous", mail["Subject"]
    for words in ["Bonjour Zoé,", TITLE, "25,50\u00a0€ de l’heure", "À bientôt"]:
        assert words in text and words in page.text, words
    assert all(len(line) <= 998 for line in entry["mail"].split("\r\n")), "a line longer than RFC 5322 allows"

with check("what people write is text in the HTML part, never markup; the link can be followed"):
    assert "b" not in page.tags and "&lt;b&gt;nuit" in html, page.tags
    link, unsubscribe = page.links
    assert re.fullmatch(r"https://app\.example/invitations/[0-9a-f-]{36}", link) and link in text, link
    assert unsubscribe.startswith("https://app.example/unsubscribe?token=") and unsubscribe in text, unsubscribe

with check("451 at first: tried again, delivered once, with the same Message-ID"):
    first = soon(lambda: handed("greylisted@example.org"))[0]
    message_id = read(first)["Message-ID"]
    tries = lambda: [entry for entry in handed("greylisted@example.org") if read(entry)["Message-ID"] == message_id]
    second = soon(lambda: tries()[1:])[0]
    assert (first["answer"][:3], second["answer"][:3]) == ("451", "250"), (first["answer"], second["answer"])
    soon(lambda: message_id in [f"<{job['id']}@sociopulse.test>" for job in mail_jobs("DONE")])
    assert len(tries()) == 2

with check("550: the job is dead at once, GET /api/v1/admin/jobs?state=DEAD says why, and the address is closed"):
    # What answered the registration; the invitation then found the address closed, unless both were under way at once.
    dead = soon(lambda: boss.call("GET", "admin/jobs?state=DEAD", 200)["items"])
    for job in dead:
        assert job["kind"] == "send-mail" and job["attempt"] == 1 and len(job["causes"]) == 1, job
        assert "550 5.1.1" in job["causes"][0]["error"], job["causes"]
    soon(lambda: len(boss.call("GET", "admin/jobs?state=DEAD", 200)["items"]) + len(mail_jobs("CANCELLED")) == 2)
    [closed] = boss.call("GET", "admin/mail-suppressions", 200)["items"]
    assert closed["email"] == "unknown@example.org" and closed["reason"] == "BOUNCED", closed
    assert not handed("unknown@example.org")

with check("List-Unsubscribe as RFC 8058 wants it: one POST, without a session, ends mails of this kind"):
    url = mail["List-Unsubscribe"].strip().removeprefix("<").removesuffix(">")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click" and url.startswith(os.environ["API_URL"]), url
    answer = httpx.post(url, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 204, (answer.status_code, answer.text)
    before = {name: len(invitations(f"{name}@example.org")) for name in ["zoe", "greylisted"]}
    post_mission(poster, PLACE, title=TITLE)
    soon(lambda: len(invitations("greylisted@example.org")) > before["greylisted"])
    assert len(invitations("zoe@example.org")) == before["zoe"]
