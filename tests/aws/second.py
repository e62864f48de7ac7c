"""A second local AWS: moto, which other people wrote, so that what one of the two is wrong about shows.

It listens on a free loopback port and prints "ready http://127.0.0.1:PORT". It exits when its
standard input closes.
"""

import os
import signal
import sys

os.environ.update(
    MOTO_ACCOUNT_ID="000000000000",
    # Policies of AWS can be attached.
    MOTO_IAM_LOAD_MANAGED_POLICIES="true",
)

from moto.server import ThreadedMotoServer

if os.getpgrp() != os.getpid():
    os.setpgid(0, 0)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("ready http://%s:%d" % server.get_host_and_port(), flush=True)
while sys.stdin.buffer.read(4096):
    pass
os.killpg(0, signal.SIGKILL)
