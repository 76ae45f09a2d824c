"""A client that openapi-python-client wrote from the document, and openapi-spec-validator's opinion of it."""

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from openapi_spec_validator import validate

from world import ADMIN, API, PASSWORD, check, soon

DOCUMENT, GENERATED = os.environ["DOCUMENT"], os.environ["GENERATED"]

with check("openapi-spec-validator accepts the document"):
    with open(DOCUMENT, encoding="utf-8") as document:
        validate(json.load(document))

with check("openapi-python-client generates a client from all of it, without a warning"):
    # The generator knows bytes, and has to be told which types are such.
    binary = {kind: "application/octet-stream" for kind in ("application/pdf", "application/xml")}
    config = f"{GENERATED}/config.json"
    with open(config, "w", encoding="utf-8") as file:
        json.dump({"content_type_overrides": binary}, file)
    command = ["generate", "--path", DOCUMENT, "--meta", "none", "--output-path", f"{GENERATED}/sociopulse"]
    command += ["--config", config]
    command = [sys.executable, "-m", "openapi_python_client", *command, "--overwrite", "--fail-on-warning"]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr

with check("every module of the generated client imports"):
    sys.path.insert(0, GENERATED)
    import sociopulse

    for module in pkgutil.walk_packages(sociopulse.__path__, "sociopulse."):
        importlib.import_module(module.name)

from sociopulse import AuthenticatedClient, Client, api, models  # noqa: E402


def call(operation, on, **arguments):
    """Calls an operation wherever the generator put it: by tag."""
    [name] = [m.name for m in pkgutil.walk_packages(api.__path__, "sociopulse.api.") if m.name.endswith("." + operation)]
    answer = importlib.import_module(name).sync(client=on, **arguments)
    assert not isinstance(answer, models.ErrorBody), answer
    return answer


anyone = Client(base_url=API, raise_on_unexpected_status=True)


def signed_in(session):
    return AuthenticatedClient(base_url=API, token=session.access_token, raise_on_unexpected_status=True)


def register(email, role):
    new = models.Registration(email=email, password=PASSWORD, role=role, first_name="Inès", last_name="Moreau")
    session = call("register", anyone, body=new)
    call("validate_user", boss, id=session.user.id)
    return session.user.id


def login(email):
    return signed_in(call("login", anyone, body=models.Credentials(email=email, password=PASSWORD)))


with check("the generated client: register, login, me"):
    boss = login(ADMIN)
    poster_id, nurse_id = register("ines@example.org", models.Role.CLIENT), register("sami@example.org", models.Role.TALENT)
    poster, nurse = login("ines@example.org"), login("sami@example.org")
    me = call("get_me", poster)
    assert (me.id, me.role, me.status) == (poster_id, models.Role.CLIENT, models.Status.VERIFIED), me
    assert abs(me.created_at - datetime.now(UTC)) < timedelta(minutes=5), me.created_at

with check("the generated client: a nurse's profile, a mission, its matches"):
    place = dict(latitude=47.22, longitude=-1.55)
    call("set_compliance", boss, id=nurse_id, body=models.ComplianceDecision(status=models.ComplianceStatus.VALIDATED))
    profile = models.ProfileChange(job_id="ide", city="Nantes", specialties=["Gériatrie"], **place)
    assert call("update_my_profile", nurse, body=profile).specialties == ["geriatrie"]
    wanted = dict(job_id="ide", hourly_rate_cents=2400, city="Nantes", postal_code="44000", specialties=["gériatrie"])
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    mission = call("create_mission", poster, body=models.MissionRequest(start_date=start, **wanted, **place))
    assert (mission.start_date, mission.urgency_level) == (start, models.UrgencyLevel.HIGH), mission
    [best] = soon(lambda: call("list_matches", poster, id=mission.id).items)
    assert (best.rank, best.talent_id, best.score) == (1, nurse_id, 100.0), best
    assert call("get_mission", poster, id=mission.id).matching == models.MatchingState.MATCHED

with check("the generated client: an error is typed as well"):
    [name] = [m.name for m in pkgutil.walk_packages(api.__path__, "sociopulse.api.") if m.name.endswith(".create_mission")]
    early = models.MissionRequest(start_date=start - timedelta(days=9), **wanted)
    refused = importlib.import_module(name).sync_detailed(client=poster, body=early)
    assert refused.status_code == 400 and refused.parsed.errors[0].field == "startDate", refused
