"""Holds requests against AWS's own models of its services, which the SDKs for Rust check little of.

The models are botocore's: names, required members, types, lengths, ranges, patterns, enumerations.
A request that no operation of its service accepts is refused, so that the test that made it fails.
"""

import base64
import binascii
import functools
import json
import re
import urllib.parse

from botocore.loaders import Loader

# Names of models by the names that requests are signed for, where they differ.
MODELS = {"monitoring": "cloudwatch"}
SIGNED_FOR = re.compile(r"Credential=[^/]+/\d{8}/[^/]+/([^/]+)/aws4_request")
# Classes of characters in patterns that Python spells otherwise. `\w` is a little wider.
CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r"\s", r"\p{IsDigit}": r"\d"}


class Invalid(Exception):
    """What is wrong with a request, and where."""


@functools.cache
def model(service):
    """Reads a model once. botocore would first list the directories of all services."""
    loader = Loader()
    version = loader.determine_latest_version(service, "service-2")
    return loader.load_data(f"{service}/{version}/service-2")


def share():
    """Has botocore take models from here: ministack asks it for the same ones."""
    plain = Loader.load_service_model

    def load_service_model(loader, service_name, type_name, api_version=None):
        if (type_name, api_version) == ("service-2", None):
            return model(service_name)
        return plain(loader, service_name, type_name, api_version)

    Loader.load_service_model = load_service_model


@functools.cache
def compiled(pattern):
    for java, python in CLASSES.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern)


def check(method, path, query, headers, body):
    """Raises Invalid for a signed request that its service's model does not allow.

    `headers` are in lower case. Requests that are not signed are not for AWS's API. Returns the
    service, the operation and the parameters of those that are.
    """
    signed = SIGNED_FOR.search(headers.get("authorization", ""))
    if not signed:
        return None
    service = model(MODELS.get(signed[1], signed[1]))
    shapes = service["shapes"]
    protocol = service["metadata"]["protocol"]
    if protocol == "json":
        name = headers.get("x-amz-target", "").rpartition(".")[2]
        operation = named(service, name)
        value = json.loads(body or b"{}")
    elif protocol == "query":
        form = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
        operation = named(service, form.pop("Action", ""))
        expect(form.pop("Version", ""), service["metadata"]["apiVersion"], "Version")
        value = unflattened(shapes, operation["input"]["shape"], form) if "input" in operation else {}
        if form:
            raise Invalid(f"unknown parameters {sorted(form)}")
    else:
        operation, labels = routed(service, method, path)
        value = unrouted(shapes, operation, labels, query, headers, body)
    if "input" in operation:
        check_value(shapes, operation["input"]["shape"], value, operation["name"])
    return signed[1], operation["name"], value


def expect(got, want, what):
    if got != want:
        raise Invalid(f"{what}: got {got!r}, want {want!r}")


def named(service, name):
    try:
        return service["operations"][name]
    except KeyError:
        raise Invalid(f"no operation {name!r}") from None


def routed(service, method, path):
    """Returns the operation of a REST request, and the parts of its path."""
    for operation in service["operations"].values():
        http = operation["http"]
        template = http["requestUri"].partition("?")[0]
        pattern = ""
        for piece in re.split(r"(\{\w+\+?\})", template):
            if not piece.startswith("{"):
                pattern += re.escape(piece)
            elif piece.endswith("+}"):
                pattern += f"(?P<{piece[1:-2]}>.+)"
            else:
                pattern += f"(?P<{piece[1:-1]}>[^/]+)"
        found = re.fullmatch(pattern, path)
        if http["method"] == method and found:
            labels = {k: urllib.parse.unquote(v) for k, v in found.groupdict().items()}
            return operation, labels
    raise Invalid(f"no operation for {method} {path}")


def unrouted(shapes, operation, labels, query, headers, body):
    """Puts the members of a REST request together."""
    if "input" not in operation:
        return {}
    shape = shapes[operation["input"]["shape"]]
    query = urllib.parse.parse_qs(query, keep_blank_values=True)
    value, elsewhere = {}, set()
    for name, member in shape["members"].items():
        where, key = member.get("location"), member.get("locationName", name)
        kind = shapes[member["shape"]]["type"]
        if where:
            elsewhere.add(key)
        if where == "uri":
            value[name] = labels[key]
        elif where == "querystring" and key in query:
            value[name] = query.pop(key) if kind == "list" else typed(kind, query.pop(key)[-1])
        elif where == "header" and key.lower() in headers:
            value[name] = typed(kind, headers[key.lower()])
    if query:
        raise Invalid(f"unknown parameters {sorted(query)}")
    payload = shape.get("payload")
    if payload:
        elsewhere.add(payload)
    elif body:
        for name, content in json.loads(body).items():
            if name in elsewhere:
                raise Invalid(f"{name} is in the body")
            value[name] = content
    return value


def unflattened(shapes, name, form, prefix=""):
    """Takes the value of a shape out of a form: `Tags.member.1.Key`."""
    shape = shapes[name]
    kind = shape["type"]
    if kind == "structure":
        value = {}
        for member, of in shape["members"].items():
            key = f"{prefix}{of.get('locationName', member)}"
            if any(known == key or known.startswith(f"{key}.") for known in form):
                value[member] = unflattened(shapes, of["shape"], form, f"{key}.")
        return value
    if kind == "list":
        value = []
        step = prefix if shape.get("flattened") else f"{prefix}member."
        while any(f"{known}.".startswith(f"{step}{len(value) + 1}.") for known in form):
            item = f"{step}{len(value) + 1}."
            value.append(unflattened(shapes, shape["member"]["shape"], form, item))
        # An empty list is sent as an empty parameter.
        form.pop(prefix[:-1], None)
        return value
    return typed(kind, form.pop(prefix[:-1]))


def typed(kind, text):
    if kind in ("integer", "long"):
        return int(text)
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    return text


TYPES = {
    "string": str,
    "integer": int,
    "long": int,
    "boolean": bool,
    "double": (int, float),
    "float": (int, float),
    "timestamp": (int, float, str),
    "blob": str,
    "list": list,
    "map": dict,
    "structure": dict,
}


def check_value(shapes, name, value, where):
    shape = shapes[name]
    kind = shape["type"]
    if not isinstance(value, TYPES[kind]) or (kind != "boolean" and isinstance(value, bool)):
        raise Invalid(f"{where}: got {value!r:.80}, want a {kind}")
    if kind == "structure":
        for required in shape.get("required", ()):
            if value.get(required) is None:
                raise Invalid(f"{where}: {required} is missing")
        for member, content in value.items():
            if member not in shape["members"]:
                raise Invalid(f"{where}: {member} is unknown")
            if content is not None:
                check_value(shapes, shape["members"][member]["shape"], content, f"{where}.{member}")
    elif kind == "list":
        check_size(shape, len(value), where)
        for number, item in enumerate(value):
            check_value(shapes, shape["member"]["shape"], item, f"{where}[{number}]")
    elif kind == "map":
        check_size(shape, len(value), where)
        for key, item in value.items():
            check_value(shapes, shape["key"]["shape"], key, f"{where} key")
            check_value(shapes, shape["value"]["shape"], item, f"{where}[{key!r}]")
    elif kind == "string":
        check_size(shape, len(value), where)
        if "enum" in shape and value not in shape["enum"]:
            raise Invalid(f"{where}: got {value!r}, want one of {shape['enum']}")
        if "pattern" in shape and not compiled(shape["pattern"]).fullmatch(value):
            raise Invalid(f"{where}: got {value!r}, want {shape['pattern']}")
    elif kind == "blob" and ("min" in shape or "max" in shape):
        try:
            check_size(shape, len(base64.b64decode(value, validate=True)), where)
        except binascii.Error as error:
            raise Invalid(f"{where}: {error}") from None
    elif kind in ("integer", "long", "double", "float"):
        check_size(shape, value, where)


def check_size(shape, size, where):
    if size < shape.get("min", size) or size > shape.get("max", size):
        raise Invalid(f"{where}: got {size}, want {shape.get('min', 0)} to {shape.get('max')}")
