#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Both ends of one TCP connection between two network namespaces, driven by lines.

usage: tcp_pair.py NAMESPACE-A NAMESPACE-B ADDRESS-OF-B
Reads commands, answers each by one line:
  move BYTES        sends BYTES each way and waits for them: "moved", "stalled N" or "error NAME",
                    where N bytes are missing
  stall BYTES       the same, but gives up soon
  state             the TCP states of both ends and their pending errors: "1 1 0 0" is all well
  datagrams COUNT   sends COUNT UDP datagrams from a to b, answers how many arrived
  lost COUNT        the same, but gives up soon
"""
import ctypes
import errno
import os
import select
import socket
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
PATIENCE_S = 20
STALL_S = 0.4
PATTERN = bytes(range(251)) * 1000


def enter(namespace):
    with open("/run/netns/" + namespace, "rb") as file:
        if LIBC.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns " + namespace)


def connect(space_a, space_b, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    enter(space_b)
    listener = socket.socket(family)
    listener.bind((address, 0))
    listener.listen()
    datagrams = socket.socket(family, socket.SOCK_DGRAM)
    datagrams.bind((address, 0))
    enter(space_a)
    ends = [socket.create_connection(listener.getsockname()[:2], PATIENCE_S)]
    ends.append(listener.accept()[0])
    sender = socket.socket(family, socket.SOCK_DGRAM)
    sender.connect(datagrams.getsockname()[:2])
    for end in ends:
        end.setblocking(False)
    return ends, sender, datagrams


class Flow:
    """One direction; keeps its place in the pattern when a move is given up."""

    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        self.sent = self.received = self.goal = 0

    def push(self):
        place = self.sent % 251
        left = min(self.goal - self.sent, 200000)
        if left > 0:
            self.sent += self.source.send(PATTERN[place:place + left])

    def pull(self):
        data = self.sink.recv(65536)
        if not data:
            raise OSError(errno.EPIPE, "end")
        place = self.received % 251
        assert data == PATTERN[place:place + len(data)], "bytes differ"
        self.received += len(data)


def step(flows):
    """Waits for readiness once and moves what can be moved; returns the bytes received."""
    before = sum(flow.received for flow in flows)
    wanting = [flow.source for flow in flows if flow.sent < flow.goal]
    readable, writable, _ = select.select([flow.sink for flow in flows], wanting, [], 0.1)
    for flow in flows:
        if flow.source in writable:
            flow.push()
        if flow.sink in readable:
            flow.pull()
    return sum(flow.received for flow in flows) - before


def move(flows, count, patience):
    for flow in flows:
        flow.goal = max(flow.sent, flow.received) + count
    quiet_since = time.monotonic()
    try:
        while any(flow.received < flow.goal for flow in flows):
            if step(flows):
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > patience:
                return "stalled %d" % sum(flow.goal - flow.received for flow in flows)
    except OSError as error:
        return "error " + errno.errorcode.get(error.errno, str(error))
    return "moved"


def state(ends):
    states = [end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] for end in ends]
    errors = [end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for end in ends]
    return " ".join(map(str, states + errors))


def datagrams(sender, receiver, count, patience):
    arrived = 0
    for number in range(count):
        sender.send(bytes([number % 256]))
    while arrived < count and select.select([receiver], [], [], patience)[0]:
        receiver.recv(16)
        arrived += 1
    return str(arrived)


def main():
    ends, sender, receiver = connect(*sys.argv[1:4])
    flows = [Flow(ends[0], ends[1]), Flow(ends[1], ends[0])]
    print("connected", flush=True)
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "move":
            print(move(flows, int(arguments[0]), PATIENCE_S), flush=True)
        elif command == "stall":
            print(move(flows, int(arguments[0]), STALL_S), flush=True)
        elif command == "state":
            print(state(ends), flush=True)
        elif command == "datagrams":
            print(datagrams(sender, receiver, int(arguments[0]), PATIENCE_S), flush=True)
        elif command == "lost":
            print(datagrams(sender, receiver, int(arguments[0]), STALL_S), flush=True)


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    main()
