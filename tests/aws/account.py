"""Checks the provider in a real AWS account: two builders from their creation to their end.

Creates two repositories in Amazon ECR and, with terraform, two builders (V2 and V1); pushes images;
waits for their indexes; reads the functions' logs; destroys everything and looks for what is left.
Prints a line for each check. Whatever happens, it cleans up.
"""

import argparse
import contextlib
import functools
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import boto3
import images
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROVIDER = "terraform-provider-soci"
BUILDERS = ("v2", "v1")
DENIED = re.compile(r"AccessDenied|not authorized to perform", re.IGNORECASE)
# From push to index: a cold start, the events' own time, and two retries of Lambda.
LIMIT = 300
PAUSE = 2

NEEDS = """
What it needs: terraform or tofu; credentials of the account; the rights of
docs/guides/permissions.md for builders named soci-check-*; in Amazon ECR, on
repositories named soci-check-*, those of soci-index.json and
ecr:CreateRepository, ecr:DeleteRepository, ecr:DescribeRepositories and
ecr:TagResource; logs:FilterLogEvents on the log groups.

What it costs: some cents at most. About 50 MB are uploaded and kept for
minutes, and functions run for seconds.
"""


class Failed(Exception):
    """What a check found."""


# Whatever AWS, a registry or the network can do to a check.
EXPECTED = (Failed, ClientError, BotoCoreError, OSError, RuntimeError, LookupError, ValueError)


class Report:
    """The checks so far."""

    def __init__(self):
        self.passed, self.failed = 0, 0

    @contextlib.contextmanager
    def check(self, what):
        """Counts a check. What follows runs either way."""
        try:
            yield
        except EXPECTED as error:
            self.failed += 1
            say(f"FAIL  {what}: {error}")
        else:
            self.passed += 1
            say(f"pass  {what}")


def say(text):
    print(text, flush=True)


def expect(condition, otherwise):
    if not condition:
        raise Failed(otherwise)


def until(what, look):
    """Waits for a result."""
    end = time.monotonic() + LIMIT
    while True:
        found = look()
        if found:
            return found
        expect(time.monotonic() < end, f"no {what} after {LIMIT} seconds")
        time.sleep(PAUSE)


class Terraform:
    """A configuration with both builders, and the provider that is checked."""

    def __init__(self, program, provider, name, region):
        self.program, self.applied = program, False
        self.home = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-"))
        override = self.home / "provider"
        override.mkdir()
        (override / PROVIDER).symlink_to(provider)
        (self.home / "cli.tfrc").write_text(
            "provider_installation {\n"
            f'  dev_overrides {{\n    "soci/soci" = "{override}"\n  }}\n  direct {{}}\n}}\n'
        )
        source = 'terraform {\n  required_providers {\n    soci = { source = "soci/soci" }\n  }\n}\n'
        for version in BUILDERS:
            source += (
                f'resource "soci_index_builder" "{version}" {{\n'
                f'  name                         = "{name}-{version}"\n'
                f'  repository_image_tag_filters = ["{name}/{version}:release-*"]\n'
                f'  index_version                = "{version.upper()}"\n'
                "  log_retention_in_days        = 1\n}\n"
            )
        (self.home / "main.tf").write_text(source)
        self.environment = {
            **os.environ,
            "AWS_REGION": region,
            "TF_CLI_CONFIG_FILE": str(self.home / "cli.tfrc"),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
        }

    def run(self, *arguments, wanted=(0,)):
        """Runs terraform in a group of its own: it is told once that it should stop, by us."""
        command = [self.program, *arguments, "-no-color", "-input=false"]
        process = subprocess.Popen(
            command,
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.communicate()
            raise
        expect(process.returncode in wanted, f"terraform {arguments[0]} failed:\n{output}")
        return process.returncode

    def apply(self):
        self.applied = True
        self.run("apply", "-auto-approve")

    def plan(self):
        changed = self.run("plan", "-detailed-exitcode", wanted=(0, 2)) == 2
        expect(not changed, "the plan has changes")

    def destroy(self):
        if self.applied:
            self.run("destroy", "-auto-approve")
            self.applied = False


class Account:
    """The account, apart from what terraform does there."""

    def __init__(self, region, name):
        session = boto3.Session(region_name=region)
        # The variable of newer SDKs, which boto3 does not read.
        region = region or os.environ.get("AWS_REGION") or session.region_name
        if not region:
            raise Failed("no region: use --region, or set AWS_REGION")
        config = Config(retries={"mode": "standard", "max_attempts": 8})

        def client(service):
            return session.client(service, config=config, region_name=region)

        self.name, self.region = name, region
        self.ecr, self.logs = client("ecr"), client("logs")
        self.functions, self.iam, self.events = client("lambda"), client("iam"), client("events")
        self.caller = client("sts").get_caller_identity()
        self.repositories = [f"{name}/{version}" for version in BUILDERS]

    def create_repositories(self):
        for repository in self.repositories:
            tags = [{"Key": "created-by", "Value": "soci-account-check"}]
            self.ecr.create_repository(repositoryName=repository, tags=tags)

    def delete_repositories(self):
        for repository in self.repositories:
            with contextlib.suppress(self.ecr.exceptions.RepositoryNotFoundException):
                self.ecr.delete_repository(repositoryName=repository, force=True)

    def names(self):
        """The function names of all builders."""
        parts = [f"{version}-{part}" for version in BUILDERS for part in ("filter", "generator")]
        return [f"{self.name}-{part}" for part in parts]

    def log(self, function):
        """Returns the lines that a function logged."""
        pages = self.logs.get_paginator("filter_log_events")
        pages = pages.paginate(logGroupName=f"/aws/lambda/{function}")
        return [event["message"] for page in pages for event in page["events"]]

    def left(self):
        """Returns whatever is left of the builders and repositories."""
        looks = []
        for name in self.repositories:
            find = functools.partial(self.ecr.describe_repositories, repositoryNames=[name])
            looks.append((f"repository {name}", find))
        for name in self.names():
            find = functools.partial(self.functions.get_function, FunctionName=name)
            looks.append((f"function {name}", find))
            role = f"{name}-{self.region}"
            looks.append((f"role {role}", functools.partial(self.iam.get_role, RoleName=role)))
        for version in BUILDERS:
            name = f"{self.name}-{version}"
            looks.append((f"rule {name}", functools.partial(self.events.describe_rule, Name=name)))
        found = [what for what, look in looks if exists(look)]
        groups = self.logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{self.name}-")
        return found + [f"log group {group['logGroupName']}" for group in groups["logGroups"]]


def exists(look):
    try:
        look()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if "NotFound" in code or "NoSuchEntity" in code:
            return False
        raise
    return True


def check_v2(registry, repository, source, tag):
    """Checks a SOCI-enabled image down to the bytes of its zTOC."""
    _, enabled = until(f"image {tag}-soci", lambda: registry.manifest(repository, f"{tag}-soci"))
    listed = enabled.get("manifests", [])
    found = [entry for entry in listed if entry.get("artifactType") == images.SOCI_V2]
    expect(len(found) == 1, f"{len(found)} SOCI indexes in {tag}-soci, want 1")
    _, manifest = registry.manifest(repository, next(e for e in listed if e not in found)["digest"])
    _, original = registry.manifest(repository, source)
    expect(manifest["layers"] == original["layers"], "the layers are not those of the image")
    check_index(registry, repository, found[0]["digest"])


def check_v1(registry, repository, source):
    """Checks the SOCI index that refers to an image."""

    def look():
        every = registry.referrers(repository, source)
        return [entry for entry in every if entry.get("artifactType") == images.SOCI_V1]

    found = until("SOCI index that refers to the image", look)
    expect(len(found) == 1, f"{len(found)} SOCI indexes, want 1")
    check_index(registry, repository, found[0]["digest"])


def check_index(registry, repository, reference):
    got, index = registry.manifest(repository, reference)
    expect(got == reference, "the SOCI index has another digest than its name")
    ztocs = index["layers"]
    expect(len(ztocs) == 1, f"{len(ztocs)} zTOCs, want one: of the large layer")
    content = registry.blob(repository, ztocs[0]["digest"])
    expect(content is not None, "the zTOC is missing")
    expect(images.digest(content) == ztocs[0]["digest"], "the zTOC is not what its digest says")


def check_logs(account, report):
    with report.check("each index left a line of metrics"):
        for version, wanted in (("v2", 2), ("v1", 1)):
            # Logs take some seconds.
            until(f"{wanted} lines of metrics", lambda: metrics(account, version) >= wanted)
    for function in account.names():
        with report.check(f"{function}: was allowed everything it asked for"):
            denied = [line for line in account.log(function) if DENIED.search(line)]
            expect(not denied, "\n".join(denied[:3]))


def metrics(account, version):
    lines = account.log(f"{account.name}-{version}-generator")
    return sum("CloudWatchMetrics" in line for line in lines)


def check_other(account, registry, repository):
    expect(registry.manifest(repository, "other-1-soci") is None, "other-1 was indexed")
    lines = account.log(f"{account.name}-v2-generator")
    expect(not any("other-1" in line for line in lines), "the generator was told of other-1")


def run(account, terraform, report):
    """Runs every check but those of the end."""
    v2, v1 = account.repositories
    with report.check("create two repositories"):
        account.create_repositories()
    before = report.failed
    with report.check("terraform apply creates two builders"):
        terraform.apply()
    if report.failed > before:
        return
    with report.check("terraform plan has no changes"):
        terraform.plan()
    with report.check("push four images"):
        registry = images.Registry(account.ecr)
        large, small = [1000, images.LARGE], [1000, 2000]
        registry.push(v2, "other-1", *images.image(large, "other"))
        unindexed = registry.push(v2, "release-small", *images.image(small, "small"))
        indexed = registry.push(v2, "release-1", *images.image(large, "large"))
        subject = registry.push(v1, "release-1", *images.image(large, "large"))
    if report.failed > before:
        return
    with report.check("V2: release-1-soci has the image and its index"):
        check_v2(registry, v2, indexed, "release-1")
    with report.check("V2: release-small-soci names the image, which has no large layer"):
        got, _ = until("release-small-soci", lambda: registry.manifest(v2, "release-small-soci"))
        expect(got == unindexed, f"got {got}, want {unindexed}")
    with report.check("V1: an index refers to the image"):
        check_v1(registry, v1, subject)
    check_logs(account, report)
    with report.check("other-1, which no filter matches, is left alone"):
        check_other(account, registry, v2)
    with report.check("terraform plan has no changes after the pushes"):
        terraform.plan()


def clean_up(account, terraform, report):
    with report.check("terraform destroy"):
        terraform.destroy()
    with report.check("delete both repositories"):
        account.delete_repositories()
    with report.check("nothing is left"):
        left = account.left()
        expect(not left, "left, please delete: " + ", ".join(left))
    if terraform.applied:
        say(f"\nThe state is in {terraform.home}: repeat terraform destroy there.")
    else:
        shutil.rmtree(terraform.home)


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


def confirmed():
    try:
        return input("Type yes to begin: ").strip() == "yes"
    except EOFError:
        return False


def arguments():
    parser = argparse.ArgumentParser(
        prog="tests/aws/account.sh",
        description=__doc__,
        epilog=NEEDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before anything is created")
    parser.add_argument("--region", help="region, if not that of the environment or the profile")
    parser.add_argument(
        "--provider",
        type=pathlib.Path,
        default=ROOT / "target/release" / PROVIDER,
        help="the provider's program (target/release/%s, which `make build` makes)" % PROVIDER,
    )
    return parser.parse_args()


def main():
    given = arguments()
    program = shutil.which("terraform") or shutil.which("tofu")
    if not program or not given.provider.is_file():
        file = f"{given.provider}: run `make build`, or use --provider"
        sys.exit(f"missing: {file if program else 'terraform'}")
    name = f"soci-check-{secrets.token_hex(3)}"
    try:
        account = Account(given.region, name)
    except (Failed, ClientError, BotoCoreError) as error:
        sys.exit(f"AWS: {error}")
    say(f"Account {account.caller['Account']}, region {account.region}, as {account.caller['Arn']}")
    say(f"Everything that is created has a name that begins with {name}")
    say(NEEDS)
    if not given.yes and not confirmed():
        sys.exit("nothing was done")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    report, interrupted = Report(), False
    terraform = Terraform(program, given.provider.resolve(), name, account.region)
    try:
        run(account, terraform, report)
    except KeyboardInterrupt:
        interrupted = True
        say("interrupted: cleaning up")
    finally:
        # What is begun is ended, however often somebody asks.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        clean_up(account, terraform, report)
    say(f"\n{report.passed} passed, {report.failed} failed")
    sys.exit(1 if report.failed or interrupted else 0)


if __name__ == "__main__":
    main()
