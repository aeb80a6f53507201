# SPDX-License-Identifier: Apache-2.0
"""PROTOCOL.md in the words of a peer that may say anything: every field of every frame is the caller's."""
import hashlib
import hmac
import os
import select
import socket
import struct

HELLO, JOIN, ACCEPT, CONFIRM, DATA, ACK, PING, PONG, MODE, RESET, CLOSE = range(1, 12)
PREAMBLE = b"hawser\x01\x01"
NONE = 0xffff


def frame(kind, payload=b"", flags=0, length=None, zero=0):
    return struct.pack(">BBHI", kind, flags, zero, len(payload) if length is None else length) + payload


def data(offset, payload=b"", fin=False):
    return frame(DATA, struct.pack(">Q", offset) + payload, 2 if fin else 0)


def ack(cumulative, limit=1 << 30, credit=256, paths=(), ranges=()):
    """paths: (id, age in us, bytes); ranges: (start, end)."""
    payload = struct.pack(">QQHHB3x", cumulative, limit, credit, len(ranges), len(paths))
    for path, age, count in paths:
        payload += struct.pack(">HHIQ", path, 0, age, count)
    for start, end in ranges:
        payload += struct.pack(">QQ", start, end)
    return frame(ACK, payload)


def reset(reason=1, consumed=0):
    return frame(RESET, struct.pack(">HQ", reason, consumed))


def close(reason=0, detail=0):
    return frame(CLOSE, struct.pack(">HH", reason, detail))


def ping(token=0, padding=0):
    return frame(PING, struct.pack(">Q", token) + bytes(padding))


def proof(secret, label, who, offer, accept):
    offer_payload, accept_payload = offer[8:], accept[8:]
    if offer[0] == HELLO:
        offer_payload = offer_payload[:16] + bytes(32) + offer_payload[48:]
    accept_payload = accept_payload[:16] + bytes(32) + accept_payload[48:]
    text = label.encode().ljust(24, b"\0") + who + PREAMBLE + PREAMBLE + offer_payload + accept_payload
    return hmac.new(secret, text, hashlib.sha256).digest()


class Gone(Exception):
    """The other end closed the carrier: .how is "end" or "reset"."""

    def __init__(self, how):
        super().__init__(how)
        self.how = how


class Carrier:
    """A connection: frames in, anything out."""

    def __init__(self, connection):
        self.socket = connection
        self.buffer = b""
        self.got_preamble = False

    def send(self, *parts):
        self.socket.sendall(b"".join(parts))

    def take(self, count):
        while len(self.buffer) < count:
            self.more()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def frame(self):
        """The next frame: type, payload."""
        if not self.got_preamble:
            assert self.take(8) == PREAMBLE
            self.got_preamble = True
        header = self.take(8)
        self.last = header + self.take(struct.unpack(">I", header[4:])[0])
        return header[0], self.last[8:]

    def until(self, *kinds):
        """Skips to the next frame of one of these types."""
        while True:
            kind, payload = self.frame()
            if kind in kinds:
                return kind, payload

    def whole(self):
        """Whether frame() would find all of it here already."""
        start = 0 if self.got_preamble else 8
        header = self.buffer[start:start + 8]
        return len(header) == 8 and len(self.buffer) >= start + 8 + struct.unpack(">I", header[4:])[0]

    def more(self):
        """Takes what is there to read, or raises Gone."""
        try:
            more = self.socket.recv(1 << 18)
        except ConnectionResetError:
            raise Gone("reset") from None
        if not more:
            raise Gone("end")
        self.buffer += more

    def verdict(self):
        """How the other end ends this carrier: ("RESET" or "CLOSE", reason), or the Gone of one without."""
        try:
            kind, payload = self.until(RESET, CLOSE)
        except Gone as gone:
            return gone.how, None
        return "RESET" if kind == RESET else "CLOSE", struct.unpack(">H", payload[:2])[0]

    def close(self):
        self.socket.close()


class Session:
    """A dialler's session."""

    def __init__(self, address, id=None, secret=None, kind=0):
        self.address = address
        self.id = id or os.urandom(16)
        self.secret = secret or os.urandom(32)
        self.kind = kind
        self.next_path = 0
        self.confirmed = bytes(16)      # the nonce of the ACCEPT that was
        self.carriers = []      # which live as long as it does

    def connect(self, receive_buffer=None, timeout=60):
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(timeout)
        connection.connect(self.address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.carriers.append(Carrier(connection))
        return self.carriers[-1]

    def until(self, *kinds):
        """The next frame of one of these types, on whichever carrier it comes."""
        carriers = [carrier for carrier in self.carriers if carrier.socket.fileno() >= 0]
        while carriers:
            for carrier in carriers:
                while carrier.whole():
                    kind, payload = carrier.frame()
                    if kind in kinds:
                        return kind, payload
            ready = select.select([carrier.socket for carrier in carriers], [], [], 60)[0]
            if not ready:
                raise TimeoutError("nothing on any carrier")
            for carrier in [carrier for carrier in carriers if carrier.socket in ready]:
                try:
                    carrier.more()
                except Gone:
                    carriers.remove(carrier)
        raise Gone("end")

    def path(self):
        self.next_path += 1
        return self.next_path - 1

    def hello(self, path=None, mode=0, carrier=1, limit=1 << 30, credit=256, resume=300000, orphan=3000):
        return frame(HELLO, self.id + self.secret + os.urandom(16) +
                     struct.pack(">HBBB3xQHHII", self.path() if path is None else path, self.kind, mode, carrier,
                                 limit, credit, 0, resume, orphan))

    def join(self, path=None, replaces=NONE, carrier=1, resume=0):
        return frame(JOIN, self.id + os.urandom(16) +
                     struct.pack(">HHBBH", self.path() if path is None else path, replaces, carrier, resume, 0) +
                     self.confirmed)

    def confirm(self, offer, accept):
        label = "hawser confirm %s 1" % ("hello" if offer[0] == HELLO else "join")
        return frame(CONFIRM, proof(self.secret, label, b"D", offer, accept))

    def shake(self, offer, receive_buffer=None, confirm=True):
        """A carrier after the whole handshake, or None when it was refused."""
        carrier = self.connect(receive_buffer)
        carrier.send(PREAMBLE, offer)
        kind, payload = carrier.frame()
        if kind != ACCEPT:
            carrier.refused = struct.unpack(">H", payload[:2])[0]
            return carrier
        carrier.refused = None
        carrier.accept = carrier.last
        if offer[0] == HELLO and confirm:
            self.confirmed = payload[:16]
        if confirm:
            carrier.send(self.confirm(offer, carrier.accept))
        return carrier

    def open(self, receive_buffer=None, **fields):
        return self.shake(self.hello(**fields), receive_buffer)

    def add(self, **fields):
        return self.shake(self.join(**fields))


class Acceptor:
    """The other role: answers one carrier of a dialler."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(60)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.secrets = {}

    def take(self):
        connection, _ = self.listener.accept()
        connection.settimeout(60)
        return Carrier(connection)

    def offer(self, carrier):
        kind, payload = carrier.frame()
        if kind == HELLO:
            self.secrets[payload[:16]] = payload[16:48]
        return carrier.last

    def accept(self, offer, limit=1 << 20, credit=256, kind=None, version=1, resume=300000):
        hello = offer[0] == HELLO
        kind = (offer[8 + 66] if hello else 0) if kind is None else kind
        nonce, tail = os.urandom(16), struct.pack(">QHBBI", limit, credit, kind, version, resume)
        whole = frame(ACCEPT, nonce + bytes(32) + tail)
        mac = proof(self.secrets[offer[8:24]], "hawser accept %s 1" % ("hello" if hello else "join"), b"A",
                    offer, whole)
        return frame(ACCEPT, nonce + mac + tail)

    def shake(self):
        carrier = self.take()
        carrier.send(PREAMBLE, self.accept(self.offer(carrier)))
        kind, _ = carrier.frame()
        assert kind == CONFIRM, kind
        return carrier

    def close(self):
        self.listener.close()
