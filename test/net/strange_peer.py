# SPDX-License-Identifier: Apache-2.0
"""A listener that is no hawser peer: strange_peer.py ADDRESS PORT BEHAVIOUR. Prints "ready"."""
import socket
import sys

BEHAVIOURS = {
    # What it says to whoever connects, and whether it then closes.
    "http": (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", True),
    "garbage": (bytes((i * 7919 >> 3) & 0xff for i in range(65536)), False),
    "ends": (b"", True),
    "silent": (b"", False),
    "version": (b"hawser" + bytes((200, 201)), False),
}

address, port, behaviour = sys.argv[1:]
words, closes = BEHAVIOURS[behaviour]
listener = socket.create_server((address, int(port)))
print("ready", flush=True)
connections = []
while True:
    connection, _ = listener.accept()
    try:
        connection.sendall(words)
    except OSError:
        pass
    if closes:
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()
    else:
        connections.append(connection)
