"""Our client of Stripe against servers that others wrote, and the sandbox as Stripe's Python SDK sees it."""

import json
import os
import subprocess

import httpx
import stripe

from world import check, soon

LOCALSTRIPE = os.environ["LOCALSTRIPE"]
STATEFUL_MOCK = os.environ["STATEFUL_MOCK"]
SANDBOX = os.environ["STRIPE_SANDBOX"]


def ours(base, key, *calls):
    """What our client makes of these calls."""
    command = [os.environ["INTEROP"], "call", "--base", base, "--key", key]
    lines = "\n".join(json.dumps(call) for call in calls)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()]


def is_up(base):
    try:
        return httpx.get(base, timeout=2) is not None
    except httpx.TransportError:
        return False


with check("localstripe and stripe-stateful-mock answer"):
    soon(lambda: is_up(LOCALSTRIPE) and is_up(STATEFUL_MOCK))

with check("localstripe: our client makes a customer, reads, cancels and refunds intents, and hears what is refused"):
    key = "sk_test_12345"
    local = httpx.Client(base_url=LOCALSTRIPE, auth=(key, ""))

    def intent(confirm):
        card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}
        form = {"type": "card"} | {f"card[{name}]": value for name, value in card.items()}
        method = local.post("/v1/payment_methods", data=form).raise_for_status().json()
        form = {"amount": 1099, "currency": "eur", "payment_method": method["id"]}
        if confirm:
            form["confirm"] = "true"
        return local.post("/v1/payment_intents", data=form).raise_for_status().json()["id"]

    paid, open_one = intent(True), intent(False)
    customer, received, canceled, refund, refunds, missing, foreign = ours(
        LOCALSTRIPE,
        key,
        {"call": "create_customer", "key": "c", "email": "zoe@example.org"},
        {"call": "get_intent", "id": paid},
        {"call": "cancel_intent", "key": "x", "id": open_one},
        {"call": "create_refund", "key": "r", "intent": paid, "amount": 400},
        {"call": "list_refunds", "intent": paid},
        {"call": "get_intent", "id": "pi_none"},
        {"call": "create_account", "key": "a", "email": "nadia@example.org"},
    )
    stored = local.get(f"/v1/customers/{customer['ok']}").json()
    assert stored["name"] == "Zoé Martin" and stored["metadata"] == {"userId": "interop"}, stored
    assert (received["ok"]["status"], received["ok"]["amount"]) == ("Succeeded", 1099), received
    assert canceled["ok"]["status"] == "Canceled", canceled
    assert (refund["ok"]["status"], refund["ok"]["amount"]) == ("Succeeded", 400), refund
    assert refunds["ok"] == [refund["ok"]["id"]], refunds
    assert "refused" in missing, missing
    assert "ok" not in foreign, foreign

with check("stripe-stateful-mock: the same key is the same customer and account, with other parameters an error"):
    key = "sk_test_mock"
    first, again, other, account, same, found, nobody = ours(
        STATEFUL_MOCK,
        key,
        {"call": "create_customer", "key": "c", "email": "zoe@example.org"},
        {"call": "create_customer", "key": "c", "email": "zoe@example.org"},
        {"call": "create_customer", "key": "c", "email": "other@example.org"},
        {"call": "create_account", "key": "a", "email": "nadia@example.org"},
        {"call": "create_account", "key": "a", "email": "nadia@example.org"},
        {"call": "create_refund", "key": "r", "intent": "pi_none", "amount": 100},
        {"call": "get_intent", "id": "pi_none"},
    )
    assert first["ok"] == again["ok"], (first, again)
    assert "idempotency_error" in other["unknown"], other
    assert account["ok"].startswith("acct_") and account == same, (account, same)
    assert "ok" not in found and "ok" not in nobody, (found, nobody)

with check("the sandbox: Stripe's Python SDK pays, transfers, refunds, and repeats a key"):
    client = stripe.StripeClient("sk_test_sandbox_python", base_addresses={"api": SANDBOX}, max_network_retries=0)
    paid = client.v1.payment_intents.create(
        {"amount": 5000, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
    )
    assert paid.status == "succeeded", paid
    fields = {"payment_intent": paid.id, "amount": 1000}
    refunds = [client.v1.refunds.create(fields, {"idempotency_key": "python-refund"}).id for _ in range(3)]
    assert len(set(refunds)) == 1, refunds
    assert client.v1.charges.retrieve(paid.latest_charge).amount_refunded == 1000
    try:
        client.v1.refunds.create(fields | {"amount": 2000}, {"idempotency_key": "python-refund"})
        raise AssertionError("other parameters under the same key were taken")
    except stripe.IdempotencyError as error:
        assert error.http_status == 400, error
    account = client.v1.accounts.create({"type": "express", "country": "FR"})
    try:
        client.v1.transfers.create({"amount": 100, "currency": "eur", "destination": account.id})
        raise AssertionError("a transfer to an account that is not onboarded was taken")
    except stripe.InvalidRequestError as error:
        assert error.code == "insufficient_capabilities_for_transfer", error.code
    try:
        stripe.StripeClient("sk_live_x", base_addresses={"api": SANDBOX}).v1.balance.retrieve()
        raise AssertionError("a live key was taken")
    except stripe.AuthenticationError as error:
        assert "Sandbox" in str(error), error
