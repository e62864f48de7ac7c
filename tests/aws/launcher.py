"""A local AWS for the tests and the demo: ministack, and the parts of Amazon ECR that it lacks.

It listens on a free loopback port and prints "ready http://127.0.0.1:PORT" to standard output, then
one line of JSON per push, with the functions that its event reached. It exits, with everything it
started, when its standard input closes, so it does not outlive its parent.

Additions to ministack, all of them behaviour of AWS:
- every push of a manifest, and every deletion of a tag or of an image without one, sends an "ECR Image
  Action" event to the default event bus; a push to a repository below "replicated/" or "cached/" stands
  for an image that Amazon ECR itself copies there, and sends the event of that;
- a rule invokes a function only if the function's policy allows it, and is retried on errors;
- a rule with targets, and a log group with deletion protection, are not deleted;
- a function logs only to an existing log group, because its role lacks logs:CreateLogGroup;
- a function is created with its code signing configuration;
- no more than ten functions run at once, as in a new account, and an asynchronous invocation waits
  for its turn where ministack would count it as failed;
- the registry serves ranges of blobs and the referrers of a manifest;
- deleting a tag keeps the image, unless it is the last tag; an image that another lists stays;
- images are listed with tags or without, and named as they were asked for;
- the authorisation token names the registry where it was asked for, which may be a proxy's address;
- a request that the model of its service does not allow is refused (models.py).
"""

import asyncio
import base64
import contextvars
import html
import json
import os
import re
import signal
import socket
import sys
import threading

# The host and port to which the current request was sent.
asked = contextvars.ContextVar("asked")
# The functions that the current event reached. Events are matched one at a time.
reached = set()

INDEX = "application/vnd.oci.image.index.v1+json"
# Fields that the events of images that Amazon ECR copies have in common with those of pushes.
COPIED = ("repository-name", "image-digest", "image-tag")
REFERRERS = re.compile(r"/v2/(.+)/referrers/(sha256:[0-9a-f]{64})")


def listen():
    """Opens the listening socket before ministack is imported, which needs its port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener, listener.getsockname()[1]


def environment(port):
    """Sets the environment of ministack and of the functions that it runs."""
    os.environ.setdefault("MINISTACK_REGION", "us-east-1")
    os.environ.update(
        GATEWAY_PORT=str(port),
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
        # Retries after one and two seconds, where AWS waits one and two minutes.
        LAMBDA_ASYNC_RETRY_BASE_SECONDS="1",
        LAMBDA_ACCOUNT_CONCURRENCY="10",
        LOG_LEVEL=os.environ.get("LOG_LEVEL", "WARNING"),
        # Two listeners that are not needed.
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        # Keeps ministack away from containers on this machine.
        DOCKER_HOST="unix:///nonexistent",
    )


def parse(manifest):
    """Returns the JSON object of a manifest; an empty one for anything else."""
    try:
        parsed = json.loads(manifest)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def artifact_type(manifest):
    """Returns the artifact media type according to ECR: none for an image index."""
    return manifest.get("artifactType") or (manifest.get("config") or {}).get("mediaType")


class Registry:
    """Corrects ministack's ECR."""

    def __init__(self, port):
        from ministack import app
        from ministack.services import ecr, eventbridge

        routed = app._is_ecr_registry_path
        app._is_ecr_registry_path = lambda path: routed(path) or bool(REFERRERS.fullmatch(path))
        self.ecr, self.events, self.port = ecr, eventbridge, port
        self.plain = {
            name: getattr(ecr, name)
            for name in (
                "_v2_put_manifest",
                "_put_image",
                "_batch_delete_image",
                "_batch_get_image",
                "_describe_images",
                "handle_registry_request",
            )
        }
        ecr._v2_put_manifest = self.put_manifest
        ecr._put_image = self.put_image
        ecr._batch_delete_image = self.batch_delete_image
        ecr._batch_get_image = self.batch_get_image
        ecr._describe_images = self.describe_images
        ecr._list_images = self.list_images
        ecr._get_authorization_token = self.authorization_token
        ecr.handle_registry_request = self.request

    def put_manifest(self, name, reference, headers, body):
        answer = self.plain["_v2_put_manifest"](name, reference, headers, body)
        if answer[0] == 201:
            tag = "" if reference.startswith("sha256:") else reference
            self.pushed(name, answer[1]["Docker-Content-Digest"], tag)
        return answer

    def put_image(self, data):
        answer = self.plain["_put_image"](data)
        if answer[0] == 200:
            image = json.loads(answer[2])["image"]["imageId"]
            self.pushed(data["repositoryName"], image["imageDigest"], data.get("imageTag") or "")
        return answer

    def pushed(self, name, digest, tag):
        self.send("PUSH", name, self.image(name, digest), tag)
        push = {"repository": name, "tag": tag, "digest": digest, "reached": sorted(reached)}
        print(json.dumps(push), flush=True)

    def send(self, action, name, image, tag):
        """Sends the event of an action. Bypasses PutEvents, which refuses the source aws.ecr."""
        detail = {
            "result": "SUCCESS",
            "repository-name": name,
            "image-digest": image["imageDigest"],
            "action-type": action,
            "image-tag": tag,
            "manifest-media-type": image["imageManifestMediaType"],
        }
        artifact = artifact_type(parse(image["imageManifest"]))
        if artifact:
            detail["artifact-media-type"] = artifact
        kind = "ECR Image Action"
        if action == "PUSH" and name.startswith("replicated/"):
            kind = "ECR Replication Action"
            source = {"source-account": "000000000000", "source-region": "us-west-2"}
            kept = {field: detail[field] for field in COPIED if detail[field]}
            detail = {**kept, **source, "result": "SUCCESS", "action-type": "REPLICATE"}
        elif action == "PUSH" and name.startswith("cached/"):
            kind = "ECR Pull Through Cache Action"
            upstream = {"ecr-repository-prefix": "cached", "upstream-registry-url": "public.ecr.aws"}
            kept = {field: detail[field] for field in COPIED if detail[field]}
            detail = {**kept, **upstream, "rule-version": "1", "sync-status": "SUCCESS"}
        entry = {
            "Source": "aws.ecr",
            "DetailType": kind,
            "Detail": json.dumps(detail),
            "Resources": [],
        }
        reached.clear()
        self.events._put_events({"Entries": [entry]}, allow_aws_source=True)

    def image(self, name, digest):
        images = self.ecr._images.get(name, [])
        return next(image for image in images if image["imageDigest"] == digest)

    def batch_delete_image(self, data):
        """Deletes a tag, and its image with the last tag; or an image by digest."""
        name = data.get("repositoryName", "")
        deleted, refused, gone = [], [], []
        for wanted in data.get("imageIds", []):
            found = self.ecr._find_image(name, wanted) if name in self.ecr._images else None
            if found is None:
                gone.append(wanted)
                continue
            tags, tag, digest = found["imageTags"], wanted.get("imageTag"), found["imageDigest"]
            if not wanted.get("imageDigest") and len(tags) > 1:
                tags.remove(tag)
                found["imageId"]["imageTag"] = tags[-1]
                deleted.append((found, [tag]))
            elif self.is_listed(name, digest):
                code = "ImageReferencedByManifestList"
                failure = {"imageId": wanted, "failureCode": code, "failureReason": "listed"}
                refused.append(failure)
            else:
                self.ecr._manifest_blobs.get(name, {}).pop(digest, None)
                self.ecr._images[name].remove(found)
                deleted.append((found, list(tags) or [""]))
        # Answers for what is not there, or for a repository that is not.
        answer = self.plain["_batch_delete_image"]({**data, "imageIds": gone})
        for image, tags in deleted:
            for tag in tags:
                self.send("DELETE", name, image, tag)
        if answer[0] != 200:
            return answer
        body = json.loads(answer[2])
        for image, tags in deleted:
            digest = {"imageDigest": image["imageDigest"]}
            body["imageIds"] += [{**digest, "imageTag": tag} if tag else digest for tag in tags]
        body["failures"] += refused
        return self.ecr.json_response(body)

    def is_listed(self, name, digest):
        """Tells whether an image index of the repository lists a manifest."""
        manifests = (parse(image["imageManifest"]) for image in self.ecr._images.get(name, []))
        listed = (entry for manifest in manifests for entry in manifest.get("manifests") or [])
        return any(entry.get("digest") == digest for entry in listed)

    def batch_get_image(self, data):
        """Names each image as it was asked for: by its digest alone, or by that tag of several."""
        answer = self.plain["_batch_get_image"](data)
        if answer[0] != 200:
            return answer
        body, name = json.loads(answer[2]), data["repositoryName"]
        found = iter(body["images"])
        for wanted in data["imageIds"]:
            image = self.ecr._find_image(name, wanted)
            if image is not None:
                identifier = {"imageDigest": image["imageDigest"]}
                if wanted.get("imageTag"):
                    identifier["imageTag"] = wanted["imageTag"]
                next(found)["imageId"] = identifier
        return self.ecr.json_response(body)

    def describe_images(self, data):
        answer = self.plain["_describe_images"](data)
        if answer[0] != 200:
            return answer
        body = json.loads(answer[2])
        wanted = data.get("filter") or {}
        if wanted.get("imageStatus", "ACTIVE") not in ("ACTIVE", "ANY"):
            # Nothing is ever archived here.
            body["imageDetails"] = []
        status = wanted.get("tagStatus", "ANY")
        if status != "ANY":
            tagged = status == "TAGGED"
            details = body["imageDetails"]
            body["imageDetails"] = [each for each in details if bool(each["imageTags"]) == tagged]
        for detail in body["imageDetails"]:
            image = self.image(data["repositoryName"], detail["imageDigest"])
            detail.pop("artifactMediaType", None)
            artifact = artifact_type(parse(image["imageManifest"]))
            if artifact:
                detail["artifactMediaType"] = artifact
            if not detail["imageTags"]:
                del detail["imageTags"]
        return self.ecr.json_response(body)

    def list_images(self, data):
        """Lists an entry for every tag, and one for every untagged image."""
        name = data.get("repositoryName", "")
        if name not in self.ecr._repositories:
            return self.ecr.error_response_json(
                "RepositoryNotFoundException", f"no repository '{name}'", 400
            )
        status = (data.get("filter") or {}).get("tagStatus", "ANY")
        identifiers = []
        for image in self.ecr._images.get(name, []):
            digest, tags = {"imageDigest": image["imageDigest"]}, image["imageTags"]
            if tags and status != "UNTAGGED":
                identifiers += [{**digest, "imageTag": tag} for tag in tags]
            if not tags and status != "TAGGED":
                identifiers.append(digest)
        return self.ecr.json_response({"imageIds": identifiers})

    def authorization_token(self, _data):
        token = base64.b64encode(b"AWS:token-of-the-local-registry").decode()
        expires = int(self.events._now_ts()) + 12 * 60 * 60
        data = {
            "authorizationToken": token,
            "expiresAt": expires,
            "proxyEndpoint": f"http://{asked.get()}",
        }
        return self.ecr.json_response({"authorizationData": [data]})

    async def request(self, method, path, headers, body, query):
        """Handles a request to the registry."""
        referrers = REFERRERS.fullmatch(path)
        if referrers and method == "GET":
            return self.referrers(*referrers.groups(), query)
        plain = self.plain["handle_registry_request"]
        status, answer, content = await plain(method, path, headers, body, query)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
        if method == "GET" and "/blobs/" in path and status == 200 and wanted:
            return part(answer, content, *wanted.groups())
        return status, answer, content

    def referrers(self, name, digest, query):
        """Lists the manifests of a repository whose subject has this digest."""
        self.ecr._select_registry_request_scope(name, {}, query)
        wanted = query.get("artifactType", [None])[0]
        manifests = []
        for image in self.ecr._images.get(name, []):
            manifest = parse(image["imageManifest"])
            artifact = artifact_type(manifest)
            if (manifest.get("subject") or {}).get("digest") != digest:
                continue
            if wanted is not None and artifact != wanted:
                continue
            descriptor = {
                "mediaType": image["imageManifestMediaType"],
                "digest": image["imageDigest"],
                "size": len(image["imageManifest"].encode()),
            }
            if artifact:
                descriptor["artifactType"] = artifact
            if manifest.get("annotations"):
                descriptor["annotations"] = manifest["annotations"]
            manifests.append(descriptor)
        body = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
        headers = {"Content-Type": INDEX}
        if wanted is not None:
            headers["OCI-Filters-Applied"] = "artifactType"
        return 200, headers, json.dumps(body).encode()


def part(headers, content, first, last):
    """Returns the part of a blob that a Range header asks for."""
    first = int(first)
    last = min(int(last) if last else len(content), len(content) - 1)
    if first > last:
        return 416, {"Content-Range": f"bytes */{len(content)}"}, b""
    headers = {
        **headers,
        "Content-Range": f"bytes {first}-{last}/{len(content)}",
        "Content-Length": str(last - first + 1),
    }
    return 206, headers, content[first : last + 1]


def enforce_permissions():
    """Makes events reach functions, and functions reach logs, only with permission."""
    from ministack.services import cloudwatch_logs, eventbridge, lambda_svc

    invoke, emit = eventbridge._invoke_target, lambda_svc._emit_lambda_logs

    def may_invoke(function, rule):
        statements = (function.get("policy") or {}).get("Statement", [])
        return any(
            statement.get("Effect") == "Allow"
            and (statement.get("Principal") or {}).get("Service") == "events.amazonaws.com"
            and statement.get("Action") in ("lambda:InvokeFunction", "lambda:*")
            and rule["Arn"] in conditions(statement)
            for statement in statements
        )

    def conditions(statement):
        """Returns the rules that a statement names; any rule if it names none."""
        every = (statement.get("Condition") or {}).values()
        values = [value for condition in every for value in condition.values()]
        return values or Anything()

    def invoke_target(target, event, rule, view=None):
        arn = target.get("Arn", "")
        if ":lambda:" not in arn:
            return invoke(target, event, rule, view)
        function, config, name = lambda_svc._get_func_record_for_ref(arn)
        if not function or not may_invoke(function, rule):
            print(f"no delivery: {rule['Arn']} may not invoke {name}", file=sys.stderr)
            return None
        view = view or eventbridge._pattern_event_view(event)
        record = lambda_svc._execution_record_for_config(function, config)
        reached.add(name)
        return lambda_svc.invoke_async_with_retry(record, view.event_with_detail())

    def emit_logs(function, *arguments, **options):
        config = function.get("config") or function
        group = (config.get("LoggingConfig") or {}).get("LogGroup")
        group = group or f"/aws/lambda/{config['FunctionName']}"
        if group in cloudwatch_logs._log_groups:
            emit(function, *arguments, **options)

    eventbridge._invoke_target = invoke_target
    lambda_svc._emit_lambda_logs = emit_logs


def guard_logs():
    """Keeps the threads of functions from adding log streams while a request looks through them."""
    from ministack.services import cloudwatch_logs, lambda_svc

    emit, handle = lambda_svc._emit_lambda_logs, cloudwatch_logs.handle_request
    # Requests are handled in one thread, and may not wait for each other.
    guard = threading.RLock()

    def emit_logs(*arguments, **options):
        with guard:
            emit(*arguments, **options)

    async def handle_request(*arguments):
        with guard:
            return await handle(*arguments)

    lambda_svc._emit_lambda_logs = emit_logs
    cloudwatch_logs.handle_request = handle_request


def refuse_deletions():
    """Refuses to delete rules with targets, and log groups with deletion protection."""
    from ministack.services import cloudwatch_logs, eventbridge

    delete_rule = eventbridge._delete_rule
    delete_group, describe = cloudwatch_logs._delete_log_group, cloudwatch_logs._describe_log_groups
    handle = cloudwatch_logs.handle_request
    key = "deletionProtectionEnabled"

    def delete_unless_targeted(data):
        bus = data.get("EventBusName", "default")
        if eventbridge._targets.get(eventbridge._rule_key(data.get("Name"), bus)):
            return eventbridge.error_response_json(
                "ValidationException", "Rule can't be deleted since it has targets.", 400
            )
        return delete_rule(data)

    def delete_unless_protected(data):
        group = cloudwatch_logs._log_groups.get(data.get("logGroupName"))
        if group and group.get(key):
            return cloudwatch_logs.error_response_json(
                "ValidationException", "The log group has deletion protection enabled.", 400
            )
        return delete_group(data)

    def describe_with_protection(data):
        status, headers, body = describe(data)
        if status != 200:
            return status, headers, body
        answer = json.loads(body)
        for group in answer["logGroups"]:
            group[key] = bool(cloudwatch_logs._log_groups[group["logGroupName"]].get(key))
        return cloudwatch_logs.json_response(answer)

    async def handle_protection(method, path, headers, body, query):
        if headers.get("x-amz-target", "").endswith(".PutLogGroupDeletionProtection"):
            data = json.loads(body)
            name = data["logGroupIdentifier"].split(":log-group:")[-1]
            cloudwatch_logs._log_groups[name][key] = data[key]
            return cloudwatch_logs.json_response({})
        return await handle(method, path, headers, body, query)

    eventbridge._delete_rule = delete_unless_targeted
    cloudwatch_logs._delete_log_group = delete_unless_protected
    cloudwatch_logs._describe_log_groups = describe_with_protection
    cloudwatch_logs.handle_request = handle_protection


def keep_code_signing():
    """Keeps the code signing configuration that a function is created with."""
    from ministack.services import lambda_svc

    create = lambda_svc._create_function

    def create_function(data):
        answer = create(data)
        if answer[0] == 201 and data.get("CodeSigningConfigArn"):
            function = lambda_svc._functions[data["FunctionName"]]
            function["code_signing_config_arn"] = data["CodeSigningConfigArn"]
        return answer

    lambda_svc._create_function = create_function


def queue_asynchronous_invocations():
    """Lets asynchronous invocations wait while as many functions run as may."""
    from ministack.services import lambda_svc

    acquire, release = lambda_svc._acquire_execution_slot, lambda_svc._release_execution_slot
    invoke = lambda_svc.invoke_async_with_retry
    # Inherited by the thread that invokes the function.
    asynchronous = contextvars.ContextVar("asynchronous", default=False)
    released = threading.Condition()

    def invoke_async_with_retry(function, event):
        token = asynchronous.set(True)
        try:
            return invoke(function, event)
        finally:
            asynchronous.reset(token)

    def acquire_or_wait(function, config):
        # A function that may never run is not waited for.
        waits = asynchronous.get() and lambda_svc._reserved_concurrency(function, config) != 0
        with released:
            while True:
                slot, limit = acquire(function, config)
                if slot is not None or not waits:
                    return slot, limit
                released.wait()

    def release_and_tell(key):
        release(key)
        with released:
            released.notify_all()

    lambda_svc.invoke_async_with_retry = invoke_async_with_retry
    lambda_svc._acquire_execution_slot = acquire_or_wait
    lambda_svc._release_execution_slot = release_and_tell


def held_against_models(app):
    """Refuses signed requests that AWS's models of its services do not allow."""
    import models

    models.share()

    async def checked(scope, receive, send):
        headers = {name.decode(): value.decode() for name, value in scope.get("headers", ())}
        asked.set(headers.get("host"))
        if not headers.get("authorization", "").startswith("AWS4-"):
            return await app(scope, receive, send)
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        body = b"".join(message.get("body", b"") for message in messages)
        try:
            path, query = scope["raw_path"].decode(), scope["query_string"].decode()
            models.check(scope["method"], path.partition("?")[0], query, headers, body)
        except models.Invalid as invalid:
            code = "InvalidByModel"
            if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
                error = f"<Code>{code}</Code><Message>{html.escape(str(invalid))}</Message>"
                text, kind = f"<ErrorResponse><Error>{error}</Error></ErrorResponse>", "text/xml"
            else:
                text = json.dumps({"__type": code, "message": str(invalid)})
                kind = "application/json"
            kinds = [(b"content-type", kind.encode()), (b"x-amzn-errortype", code.encode())]
            await send({"type": "http.response.start", "status": 400, "headers": kinds})
            return await send({"type": "http.response.body", "body": text.encode()})

        whole = [{"type": "http.request", "body": body, "more_body": False}]

        async def again():
            return whole.pop() if whole else await receive()

        return await app(scope, again, send)

    return checked


class Anything:
    """Contains everything."""

    def __contains__(self, _item):
        return True


def end():
    """Ends this process and the functions that it runs, which are in its group."""
    os.killpg(0, signal.SIGKILL)


def end_with_standard_input():
    while sys.stdin.buffer.read(4096):
        pass
    end()


def main():
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    listener, port = listen()
    environment(port)

    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    Registry(port)
    enforce_permissions()
    refuse_deletions()
    guard_logs()
    keep_code_signing()
    queue_asynchronous_invocations()
    checked = held_against_models(app)

    async def application(scope, receive, send):
        async def watched(message):
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                print(f"ready http://127.0.0.1:{port}", flush=True)

        await checked(scope, receive, watched if scope["type"] == "lifespan" else send)

    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.loglevel = "WARNING"
    try:
        asyncio.run(serve(application, config))
    finally:
        end()


main()
