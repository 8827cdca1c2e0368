"""Who we are in each cloud, from the environment and the files of its own tools. Never asks an address that only machines of
that cloud have, unless it is said to be there: elsewhere that address does not answer, for many seconds."""

import configparser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shotbuild.errors import StoreRefused

S3, GCS, AZURE = "Amazon S3", "Google Cloud Storage", "Azure"
NAMES: Mapping[str, tuple[str, ...]] = {
    S3: (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_ENDPOINT_URL_STS",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_METADATA_ENDPOINT",
    ),
    GCS: (
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_PATH",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_BEARER_TOKEN",
        "GOOGLE_BASE_URL",
    ),
    AZURE: (
        "AZURE_STORAGE_ACCOUNT_NAME",
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_TOKEN",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_TENANT_ID",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_USE_AZURE_CLI",
        "AZURE_MSI_ENDPOINT",
        "AZURE_ENDPOINT",
    ),
}
"""The variables that are read, by cloud; the client knows each by the same name in small letters."""
OPENING: Mapping[str, tuple[str, ...]] = {
    S3: (
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_METADATA_ENDPOINT",
    ),
    GCS: (
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_PATH",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_BEARER_TOKEN",
        "GCE_METADATA_HOST",
    ),
    AZURE: (
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_TOKEN",
        "AZURE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_USE_AZURE_CLI",
        "AZURE_MSI_ENDPOINT",
    ),
}
"""Those of which one is enough to be somebody."""
HINTS: Mapping[str, str] = {
    S3: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    GCS: "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS",
    AZURE: "set AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_SAS_TOKEN",
}
_SECRET = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_BEARER_TOKEN",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_TOKEN",
    "AZURE_CLIENT_SECRET",
)
_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
SHORTEST_SECRET = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """settings: of the client, by its names; known: whether we are somebody, else we may only read what is public; secrets:
    texts that may stand in no message."""

    settings: Mapping[str, str]
    known: bool
    secrets: tuple[str, ...]


def credentials_of(cloud: str, environment: Mapping[str, str]) -> Credentials:
    """cloud: one of S3, GCS, AZURE. Errors: StoreRefused when AWS_PROFILE names what is not there."""
    settings = {name.lower(): environment[name] for name in NAMES[cloud] if environment.get(name)}
    known = any(environment.get(name) for name in OPENING[cloud])
    if cloud == S3 and not known:
        profile = _aws_profile(environment)
        known = _KEYS[0] in profile
        settings = profile | settings
    if cloud == GCS and not known:
        home = Path(environment.get("HOME", "/"))
        known = (home / ".config/gcloud/application_default_credentials.json").is_file()
    secrets = {settings.get(name.lower(), "") for name in _SECRET}
    return Credentials(
        settings=settings,
        known=known,
        secrets=tuple(sorted((each for each in secrets if len(each) >= SHORTEST_SECRET), key=len, reverse=True)),
    )


def _aws_profile(environment: Mapping[str, str]) -> dict[str, str]:
    """Keys and region of a profile in the files of Amazon's own tools."""
    folder = Path(environment.get("HOME", "/"), ".aws")
    name = environment.get("AWS_PROFILE", "")
    wanted = name or "default"
    found: dict[str, str] = {}
    for file, section in (
        (Path(environment.get("AWS_CONFIG_FILE") or folder / "config"), f"profile {wanted}"),
        (Path(environment.get("AWS_SHARED_CREDENTIALS_FILE") or folder / "credentials"), wanted),
    ):
        found |= _section(file, section) or (_section(file, wanted) if wanted == "default" else {})
    if name and _KEYS[0] not in found:
        raise StoreRefused(
            f"the profile {name!r} of AWS_PROFILE has no keys" if found else f"there is no profile {name!r} of AWS_PROFILE",
            cause="it signs in in another way, such as SSO or a role" if found else None,
            hint=f'sign in, and run `eval "$(aws configure export-credentials --profile {name} --format env)"`'
            if found
            else f"look into {folder / 'credentials'}",
        )
    settings = {key: found[key] for key in _KEYS if found.get(key)}
    return settings | ({"aws_region": found["region"]} if found.get("region") else {})


def _section(file: Path, name: str) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(file.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return {}
    except configparser.Error as error:
        # What stands in the file may not stand in a message.
        raise StoreRefused(f"{file} cannot be read", cause=type(error).__name__, hint="set it right") from None
    return dict(parser[name]) if parser.has_section(name) else {}
