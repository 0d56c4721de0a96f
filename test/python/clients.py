"""Authlib, requests-oauthlib and scim2-tester as clients of a running Latchkey.

Reads one line of JSON with what they need. Where a person has to consent, it prints {"authorize": URL} and reads the URL that the
browser was sent back to. At the end of each journey it prints {"journey": NAME, ...} with what that found.
"""

import json
import os
import sys
import time
import traceback

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

import httpx2
import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

given = json.loads(sys.stdin.readline())


def tell(**fields):
    print(json.dumps(fields), flush=True)


def consent(url):
    tell(authorize=url)
    return sys.stdin.readline().strip()


def users(session, client):
    return session.get(client["endpointUrl"] + "/Users").status_code


def authlib(client, server):
    session = AuthlibSession(
        client["id"],
        client["secret"],
        scope="scim",
        redirect_uri=client["redirectUri"],
        code_challenge_method="S256",
        token_endpoint=server["token_endpoint"],
    )
    verifier = generate_token(48)
    url, state = session.create_authorization_url(server["authorization_endpoint"], code_verifier=verifier)
    token = session.fetch_token(
        authorization_response=consent(url), state=state, code_verifier=verifier, iss=server["issuer"]
    )
    before = users(session, client)
    refreshed = session.refresh_token(refresh_token=token["refresh_token"])
    after = users(session, client)
    asking = AuthlibSession(given["keyId"], given["key"])
    found = asking.introspect_token(server["introspection_endpoint"], token=refreshed["access_token"]).json()
    session.revoke_token(server["revocation_endpoint"], token=refreshed["refresh_token"])
    gone = asking.introspect_token(server["introspection_endpoint"], token=refreshed["access_token"]).json()
    return {
        "scope": token["scope"],
        "statuses": [before, after, users(session, client)],
        "changed": token["access_token"] != refreshed["access_token"],
        "active": [found["active"], gone["active"]],
    }


def authlib_client_credentials(client, server):
    statuses = []
    for method in ["client_secret_basic", "client_secret_post"]:
        session = AuthlibSession(client["id"], client["secret"], token_endpoint_auth_method=method)
        session.fetch_token(server["token_endpoint"], grant_type="client_credentials")
        statuses.append(users(session, client))
    return {"statuses": statuses}


def requests_oauthlib(client, server):
    kept = []
    session = OAuth2Session(
        client["id"],
        redirect_uri=client["redirectUri"],
        scope=["scim"],
        pkce="S256",
        auto_refresh_url=server["token_endpoint"],
        auto_refresh_kwargs={"client_id": client["id"], "client_secret": client["secret"]},
        token_updater=kept.append,
    )
    url, _ = session.authorization_url(server["authorization_endpoint"])
    token = session.fetch_token(
        server["token_endpoint"], authorization_response=consent(url), client_secret=client["secret"]
    )
    before = users(session, client)
    # As if its hour were over: the library refreshes by itself and tries again.
    session.token = {**token, "expires_at": 1, "expires_in": -1}
    after = users(session, client)
    return {"statuses": [before, after], "refreshed": len(kept)}


def requests_oauthlib_client_credentials(client, server):
    session = OAuth2Session(client=BackendApplicationClient(client_id=client["id"]))
    session.fetch_token(server["token_endpoint"], client_id=client["id"], client_secret=client["secret"])
    return {"statuses": [users(session, client)]}


def scim2_tester(client, server):
    headers = {"Authorization": f"Bearer {given['token']}"}
    with httpx2.Client(base_url=given["endpointUrl"], headers=headers) as http:
        # Groups whole, users without their hundreds of changes.
        results = check_server(SyncSCIMClient(http), resource_types=["Group"]) + check_server(
            SyncSCIMClient(http),
            resource_types=["User"],
            include_tags={"misc", "crud:create", "crud:read", "crud:delete"},
        )
    failed = [f"{result.title}: {result.reason}" for result in results if result.status == Status.ERROR]
    return {"succeeded": sum(result.status == Status.SUCCESS for result in results), "failed": failed}


JOURNEYS = [
    authlib,
    authlib_client_credentials,
    requests_oauthlib,
    requests_oauthlib_client_credentials,
    scim2_tester,
]

for _ in range(100):
    try:
        requests.get(given["upstreamUrl"] + "/ServiceProviderConfig")
        break
    except requests.ConnectionError:
        time.sleep(0.1)
metadata = requests.get(given["issuer"] + "/.well-known/oauth-authorization-server").json()
for journey in JOURNEYS:
    try:
        tell(journey=journey.__name__, **journey(given["clients"].get(journey.__name__), metadata))
    except Exception:
        tell(journey=journey.__name__, error=traceback.format_exc())
