"""A second local AWS: moto, which other people wrote, so that what one of the two is wrong about shows.

It listens on a free loopback port and prints "ready http://127.0.0.1:PORT". It exits when its
standard input closes. Users may do what their policies say (access.py), the account everything.

Additions to moto: code signing of functions that exist, and keys of log groups.
"""

import json
import os
import signal
import sys

os.environ.update(
    MOTO_ACCOUNT_ID="000000000000",
    # Policies of AWS can be attached.
    MOTO_IAM_LOAD_MANAGED_POLICIES="true",
    # Every request is held to the policies of who signed it, from the first one.
    INITIAL_NO_AUTH_ACTION_COUNT="0",
)

import access
from moto.awslambda.responses import LambdaResponse
from moto.core.config import default_user_config
from moto.logs.responses import LogsResponse
from moto.server import ThreadedMotoServer


def function(response):
    return response.backend.get_function(response.path.split("/")[-2])


def put_code_signing(response):
    arn = json.loads(response.body)["CodeSigningConfigArn"]
    function(response).code_signing_config_arn = arn
    name = function(response).function_name
    return json.dumps({"CodeSigningConfigArn": arn, "FunctionName": name})


def delete_code_signing(response):
    function(response).code_signing_config_arn = None
    return 204, {"status": 204}, ""


def set_key(response):
    name = response._get_param("logGroupName")
    response.logs_backend.groups[name].kms_key_id = response._get_param("kmsKeyId")
    return "{}"


LambdaResponse.put_function_code_signing_config = put_code_signing
LambdaResponse.delete_function_code_signing_config = delete_code_signing
LogsResponse.associate_kms_key = set_key
LogsResponse.disassociate_kms_key = set_key
# An invocation is accepted, and nothing runs.
default_user_config["lambda"]["use_docker"] = False

if os.getpgrp() != os.getpid():
    os.setpgid(0, 0)
access.install()
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("ready http://%s:%d" % server.get_host_and_port(), flush=True)
while sys.stdin.buffer.read(4096):
    pass
os.killpg(0, signal.SIGKILL)
