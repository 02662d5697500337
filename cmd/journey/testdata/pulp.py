"""Runs the pulp program once for each connection to the Unix socket that is named as the argument.

A process of its own for each command, forked from one that has imported the program: half a second less a command. A
request is one line of JSON: {"args": [...], "folder": "...", "environ": {...}, "stdout": "path", "stderr": "path"}; the
answer is the exit code. Ends with its standard input.
"""

import json
import os
import signal
import socket
import sys

from pulp_cli import load_plugins, main


def run(request):
    os.chdir(request["folder"])
    os.environ.update(request["environ"])
    for number, name in ((0, os.devnull), (1, request["stdout"]), (2, request["stderr"])):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT, 0o600), number)
    sys.argv = ["pulp", *request["args"]]
    sys.exit(main())


def serve(connection):
    """Answers one connection, in a process of its own."""
    request = json.loads(connection.makefile().readline())
    child = os.fork()
    if child == 0:
        connection.close()
        run(request)
    _, status = os.waitpid(child, 0)
    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def listen(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            serve(connection)
            os._exit(0)
        connection.close()


if __name__ == "__main__":
    load_plugins()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    if os.fork() == 0:
        sys.stdin.read()
        os.kill(os.getppid(), signal.SIGTERM)
        os._exit(0)
    listen(sys.argv[1])
