"""What servers that speak S3 have in common: a bucket is made in them, and how it is reached."""

import subprocess

import pytest

from tests.servers.program import Served

REGION = "us-east-1"


def bucket_at(web: str, name: str, key: str, secret: str, process: "subprocess.Popen[bytes] | None" = None) -> Served:
    """Makes a bucket. Its prefix has a space in it, as people's folders have."""
    boto3 = pytest.importorskip("boto3", reason="boto3, which makes the bucket, is not installed")
    client = boto3.client("s3", endpoint_url=web, aws_access_key_id=key, aws_secret_access_key=secret, region_name=REGION)
    client.create_bucket(Bucket=name)
    client.close()
    return Served(
        address=f"s3://{name}/our films",
        web=web,
        endpoint=web,
        region=REGION,
        environment={"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret},
        secret=secret,
        process=process,
    )
