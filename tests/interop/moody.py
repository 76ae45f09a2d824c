"""Ten thousand mails to a mail server that is moody: nothing is lost, nobody reads one twice, who does not exist is asked for once."""

import collections
import email
import email.policy
import json
import os
import subprocess
import time

from world import check

MAILS = int(os.environ.get("MOODY_MAILS", "10000"))
MOODS = {"421": 50, "rcpt451": 50, "data451": 50, "550": 50, "drop": 50, "rcptstall": 1000, "datastall": 2000}
"""Every how many mails; the rest are taken at once."""

SEND = """
with people as (
    insert into users (id, email, password_hash, role, status, referral_code, created_at)
    select gen_random_uuid(), address, '!', 'TALENT', 'VERIFIED', 'M' || lpad(n::text, 7, '0'), now()
      from json_to_recordset(:'people') as person (n int, address text)
    returning id
), profiled as (
    insert into profiles (user_id, first_name) select id, 'Zoé' from people
)
insert into jobs (id, kind, queue, priority, body, run_at)
select gen_random_uuid(), 'send-mail', 'bulk', 1,
       jsonb_build_object('version', 1, 'job', jsonb_build_object('to', id, 'mail', jsonb_build_object('template', 'account-unbanned'))),
       clock_timestamp()
  from people;
"""
JOBS = """
select j.id, u.email, j.state, j.attempt, jsonb_array_length(j.causes)
  from jobs j join users u on u.id = (j.body->'job'->>'to')::uuid where u.email like '%@moody.example'
"""


def sql(statement, **variables):
    settings = [part for name, value in variables.items() for part in ("-v", f"{name}={value}")]
    command = [os.environ["PSQL"], "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", *settings, "-d", os.environ["DATABASE_URL"]]
    answer = subprocess.run(command, input=statement, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in answer.stdout.splitlines()]


def mood(n):
    for name, every in MOODS.items():
        if n % every == list(MOODS).index(name) + 1:
            return name
    return "takes"


def book():
    with open(os.environ["MAIL_BOOK"], encoding="utf-8") as lines:
        return [entry for line in lines if "@moody.example" in line and (entry := json.loads(line))]


people = {f"m{n}-{mood(n)}@moody.example": mood(n) for n in range(MAILS)}
began = time.monotonic()
# In portions: what a program is told has its bounds.
addresses = list(people)
for start in range(0, MAILS, 500):
    rows = [{"n": start + k, "address": address} for k, address in enumerate(addresses[start : start + 500])]
    sql(SEND, people=json.dumps(rows))
sent = time.monotonic()
while (left := sum(state not in ("done", "dead") for _, _, state, _, _ in sql(JOBS))) and time.monotonic() - sent < 480:
    time.sleep(1)
took = time.monotonic() - began

jobs = {address: (job, state, int(attempt), int(causes)) for job, address, state, attempt, causes in sql(JOBS)}
entries = book()
taken, put_off, refused = collections.defaultdict(list), collections.Counter(), collections.Counter()
for entry in entries:
    put_off[entry.get("put off")] += 1
    refused[entry.get("refused")] += 1
    for to in entry.get("to", []):
        message = email.message_from_bytes(entry["mail"].encode("latin-1"), policy=email.policy.default)
        taken[to].append((message["Message-ID"], entry["answer"]))

with check("moody: nothing is left, and nothing is lost"):
    assert left == 0 and len(jobs) == MAILS, (left, len(jobs))
    missing = [who for who, kind in people.items() if kind != "550" and not taken[who]]
    assert not missing, (len(missing), missing[:5])
    assert all(job[1] == ("dead" if people[who] == "550" else "done") for who, job in jobs.items())

with check("moody: nobody has a mail twice, but where the line was cut after it; then it is the same mail"):
    for who, kind in people.items():
        copies = taken[who]
        assert len(copies) == {"550": 0, "drop": 2}.get(kind, 1), (who, copies)
        assert {copy[0] for copy in copies} <= {f"<{jobs[who][0]}@sociopulse.test>"}, (who, copies)

with check("moody: who does not exist is asked for once, and never again"):
    gone = [who for who, kind in people.items() if kind == "550"]
    assert gone and all(refused[who] == 1 and jobs[who][2] == 1 for who in gone)
    closed = sql("select count(*) from mail_suppressions where address like '%@moody.example' and lifted_at is null")
    assert int(closed[0][0]) == len(gone), (closed, len(gone))

with check("moody: who was put off was tried again, each once"):
    moody = [who for who, kind in people.items() if kind not in ("550", "drop", "takes")]
    assert moody and all(put_off[who] == 1 for who in moody), [who for who in moody if put_off[who] != 1][:5]

most = sql(f"""
select round(extract(epoch from percentile_disc(0.97) within group (order by finished_at) - min(created_at)))
  from jobs where id::text in (select id::text from ({JOBS}) as moody)
""")
tries = sum(job[3] for job in jobs.values())
again = sum(1 for copies in taken.values() if len(copies) > 1)
counted = sum(job[2] for job in jobs.values())
print(
    f"        {MAILS} mails: 97 % ended within {most[0][0]} s, all in {took:.0f} s; {counted} starts counted, {tries} setbacks "
    f"({tries - (counted - MAILS) - len(gone)} of them while nobody was let in); {len(gone)} bounced, {again} twice after a cut line",
    flush=True,
)
