# SPDX-License-Identifier: Apache-2.0
"""A hostile peer on real sockets, as dialler and as acceptor: hostile.py PROGRAM (see hostile.c).

Whatever it does, the process attacked lives, says why it ends a session or a carrier, does not run in
circles, and the session of an honest peer beside it notices nothing.
"""
import os
import socket
import struct
import subprocess
import sys
import time
import traceback

from hostile_peer import *  # pylint: disable=wildcard-import,unused-wildcard-import

PROGRAM = sys.argv[1]
TALK_MS = 4000
TOP = 1 << 62
PROTOCOL_ERROR, KIND, VERSION, UNKNOWN, BUSY, PROOF, EXISTS, NOT_CONFIRMED = 5, 16, 17, 18, 33, 34, 36, 37
ABORT = struct.pack("ii", 1, 0)


def check(what, got, want):
    if got != want:
        sys.exit("%s: %r, expected %r" % (what, got, want))


def abort(carrier):
    carrier.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    carrier.close()


class Victim:
    def __init__(self, kind="stream"):
        self.process = subprocess.Popen([PROGRAM, "serve", kind], stdout=subprocess.PIPE, text=True)
        self.text = self.process.stdout.readline().strip()
        host, port = self.text.rsplit(":", 1)
        self.address = host, int(port)

    def session(self, **known):
        return Session(self.address, **known)

    def cpu_s(self):
        with open("/proc/%d/stat" % self.process.pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self):
        with open("/proc/%d/statm" % self.process.pid) as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def serves(self, after):
        """Lives, and takes a new session."""
        if self.process.poll() is not None:
            sys.exit("%s: it died, %d" % (after, self.process.returncode))
        carrier = self.session().open()
        carrier.send(data(0, b"still there?"))
        kind, payload = carrier.until(DATA, RESET, CLOSE)
        check("%s: the frame that answers, %r" % (after, payload[:12]), kind, DATA)
        check(after, payload[8:], b"still there?")
        carrier.send(reset())
        carrier.close()

    def end(self):
        self.process.kill()
        self.process.wait()


RESET_FOR = {
    "ack of what was never sent": ack(1),
    "ack of all there could be": ack((1 << 64) - 1),
    "ack of a range never sent": ack(0, ranges=[(5, 9)]),
    "ack of a range up to 2^62": ack(0, ranges=[(TOP - 1, TOP)]),
    "ack of a range above 2^62": ack(0, ranges=[(TOP, TOP + 1)]),
    "ranges that touch": ack(0, ranges=[(2, 4), (4, 6)]),
    "33 ranges": ack(0, ranges=[(2 * i + 2, 2 * i + 3) for i in range(33)]),
    "evidence above what was sent": ack(0, paths=[(0, 0, 1 << 40)]),
    "evidence of everything": ack(0, paths=[(0, 0, (1 << 64) - 1)]),
    "evidence twice": ack(0, paths=[(0, 0, 0), (0, 0, 0)]),
    "limit above 2^62": ack(0, limit=TOP + 1),
    "data above the limit": data(8 << 20, b"x"),
    "data at 2^62": data(TOP, b"x"),
    "data at the end of all numbers": data((1 << 64) - 1, b"x"),
    "data of no bytes": data(0),
    "data too short": frame(DATA, bytes(7)),
    "data too long": frame(DATA, length=65545),
    "data of 4 GB": frame(DATA, length=0xffffffff),
    "two ends": data(5, b"x", fin=True) + data(7, b"x", fin=True),
    "an end below what came": data(5, b"xxx") + data(5, b"x", fin=True),
    "data beyond the end": data(5, b"x", fin=True) + data(6, b"x"),
    "an end at 2^62": data(TOP, fin=True),
    "more ranges than the credit": b"".join(data(2 * i + 1, b"x") for i in range(266)),
    "done, which is not so": close(32),
    "done, with half of it so": data(0, fin=True) + close(32),
    "consumed above 2^62": reset(1, TOP + 1),
    "unknown frame": frame(77, b"x"),
    "unknown frame, optional, too long": frame(77, bytes(2049), 1),
    "unknown mode": frame(MODE, b"\4"),
    "too much padding": ping(0, 1401),
    "unknown flag": frame(PING, bytes(8), 4),
    "reserved bytes": frame(PING, bytes(8), zero=1),
    "an ack of nothing": frame(ACK),
}
RESET_BY_ITSELF = {
    "limit of 2^62": ack(0, limit=TOP),
    "limit that shrinks": ack(0, limit=0),
    "evidence of a path that is not": ack(0, paths=[(77, 0, 1 << 60)]),
    "the same end many times": data(3, fin=True) * 5000,
    "as many ranges as the credit": b"".join(data(2 * i + 1, b"x") for i in range(256)),
    "overlaps by one": b"".join(data(i, b"ab") for i in range(3000)),
    "unknown frames, optional": frame(77, bytes(2048), 1) * 300,
    "every mode again and again": b"".join(frame(MODE, bytes([i % 4])) for i in range(30000)),
    "answers to nothing": frame(PONG, bytes(8)) * 30000,
}


def frames(victim):
    for what, attack in RESET_FOR.items():
        carrier = victim.session().open()
        carrier.send(attack)
        check(what, carrier.verdict(), ("RESET", PROTOCOL_ERROR))
        carrier.close()
    for what, attack in RESET_BY_ITSELF.items():
        carrier = victim.session().open()
        carrier.send(attack, reset(77))
        check(what, carrier.verdict(), ("RESET", 77))
        carrier.close()
    for carrier_frame in "hello", "join", "confirm":
        session = victim.session()
        carrier = session.open()
        offer = session.join()
        carrier.send({"hello": session.hello(), "join": offer,
                      "confirm": session.confirm(offer, carrier.accept)}[carrier_frame])
        check("a second " + carrier_frame, carrier.verdict(), ("RESET", PROTOCOL_ERROR))


def offers(victim):
    refused = {
        "limit": dict(limit=TOP + 1), "mode": dict(mode=4), "carrier 0": dict(carrier=0),
        "another carrier": dict(carrier=5), "path": dict(path=NONE),
    }
    for what, fields in refused.items():
        check(what, victim.session().open(**fields).refused, PROTOCOL_ERROR)
    check("kind", victim.session(kind=1).open().refused, KIND)
    beginnings = {
        b"hawser\x02\x05" + victim.session().hello(): ("CLOSE", VERSION),
        b"hawser\x00\x05" + victim.session().hello(): ("end", None),
        PREAMBLE + close(1): ("CLOSE", PROTOCOL_ERROR),
        PREAMBLE + data(0, b"x"): ("CLOSE", PROTOCOL_ERROR),
        PREAMBLE + victim.session().join(): ("CLOSE", UNKNOWN),
        b"GET / HTTP/1.0\r\n\r\n": ("end", None),
        b"\x16\x03\x01": ("end", None),
    }
    for beginning, want in beginnings.items():
        carrier = victim.session().connect()
        carrier.send(beginning)
        check(beginning[:16], carrier.verdict(), want)


def again(victim, *parts):
    """Sends all this on a carrier of its own, what follows the first after an ACCEPT."""
    carrier = victim.session().connect()
    carrier.send(PREAMBLE, parts[0])
    if len(parts) > 1:
        check("an answer", carrier.until(ACCEPT, CLOSE)[0], ACCEPT)
        carrier.send(*parts[1:])
    return carrier.verdict()


def replays(victim):
    session = victim.session()
    hello, join = session.hello(), session.join()
    first = session.shake(hello)
    second = session.shake(join)
    check("HELLO again", again(victim, hello), ("CLOSE", EXISTS))
    check("JOIN and CONFIRM again", again(victim, join, session.confirm(join, second.accept)),
          ("CLOSE", PROOF))
    check("a guess", again(victim, session.join(), frame(CONFIRM, bytes(32))), ("CLOSE", PROOF))
    check("data before CONFIRM", again(victim, session.join(), data(0, b"x")), ("CLOSE", PROTOCOL_ERROR))
    check("a path id again", session.shake(join).verdict(), ("CLOSE", PROTOCOL_ERROR))
    for _ in range(6):
        check("a path", session.add().refused, None)
    check("a ninth path", session.add().verdict(), ("CLOSE", BUSY))
    first.send(data(0, b"it goes on"))
    check("the session", session.until(DATA)[1][8:], b"it goes on")
    first.send(reset())
    first.verdict()
    check("HELLO of a session that is over", again(victim, hello), ("CLOSE", EXISTS))


def one_id_twice(victim):
    one = victim.session()
    other = victim.session(id=one.id)
    offer, other_offer = one.hello(), other.hello()
    carrier = one.shake(offer, confirm=False)
    late = other.shake(other_offer, confirm=False)
    carrier.send(one.confirm(offer, carrier.accept), data(0, b"mine"))
    check("who confirms first", carrier.until(DATA)[1][8:], b"mine")
    late.send(other.confirm(other_offer, late.accept))
    check("who confirms second", late.verdict(), ("end", None))


def answered(session):
    """A carrier whose HELLO was answered and is not confirmed; the session's JOINs name that answer."""
    carrier = session.shake(session.hello(), confirm=False)
    session.confirmed = carrier.accept[8:24]
    return carrier


def joins_that_confirm(victim):
    """A JOIN confirms the ACCEPT that it names: to who knows the secret, once, and no other."""
    session, stranger = victim.session(), victim.session()
    offer = session.hello()
    first = session.shake(offer, confirm=False)
    check("a JOIN that names no ACCEPT", session.add().refused, UNKNOWN)
    stranger.id, stranger.confirmed = session.id, first.accept[8:24]
    check("a JOIN without the secret", stranger.add().verdict(), ("CLOSE", PROOF))
    session.confirmed = first.accept[8:24]
    second = session.add()
    second.send(data(0, b"by a JOIN"))
    check("a JOIN that overtakes CONFIRM", second.until(DATA)[1][8:], b"by a JOIN")
    first.send(session.confirm(offer, first.accept), ping())
    check("the CONFIRM after it", first.until(PONG)[0], PONG)

    lost = victim.session()
    abort(answered(lost))
    mended = lost.add()
    mended.send(data(0, b"mended"))
    check("a JOIN after the carrier's end", mended.until(DATA)[1][8:], b"mended")
    mended.send(reset())
    mended.verdict()
    check("a JOIN of what has been confirmed", lost.add().refused, UNKNOWN)

    for reason in NOT_CONFIRMED, 0:
        other = victim.session()
        carrier = answered(other)
        carrier.send(close(reason))
        carrier.verdict()
        check("a JOIN of what was not confirmed", other.add().refused, UNKNOWN)

    owner, thief = victim.session(), victim.session()
    thief.id = owner.id
    answered(thief)
    join = thief.join()
    late = thief.shake(join, confirm=False)
    owner.open().send(data(0, b"mine"))
    check("who confirms first", owner.until(DATA)[1][8:], b"mine")
    late.send(thief.confirm(join, late.accept))
    check("a JOIN whose id became another's", late.verdict(), ("end", None))


def floods(victim):
    """More carriers than are kept, in every state of the handshake, and sessions that come and go."""
    kept = []
    for stage in range(3):
        for _ in range(400):
            session = victim.session()
            carrier = session.connect()
            kept.append(carrier)
            try:
                if stage > 0:
                    carrier.send((PREAMBLE + session.hello())[:None if stage == 1 else 50])
            except OSError:
                pass
    victim.serves("half open handshakes")
    for carrier in kept:
        carrier.close()
    for _ in range(400):
        carrier = victim.session().connect()
        carrier.send(PREAMBLE, victim.session().join())
        check("a JOIN of no session", carrier.verdict(), ("CLOSE", UNKNOWN))
        carrier.close()
    for how in close(0), reset(1), b"":
        for _ in range(100):
            carrier = victim.session().open()
            carrier.send(how)
            carrier.close()
    victim.serves("sessions that come and go")


def joins_of_another(victim):
    """The JOINs of a session are its own: neither its neighbours nor who only knows its id use them up."""
    session = victim.session()
    session.open()
    neighbour = victim.session(id=session.id[:8] + os.urandom(8))
    neighbour.open()
    refused = 0
    for _ in range(2000):
        carrier = neighbour.add()
        refused += carrier.refused == BUSY
        if carrier.refused is not None:
            carrier.close()
    stranger = victim.session(id=session.id)
    for _ in range(80):
        offer = stranger.join()
        carrier = stranger.shake(offer, confirm=False)
        carrier.send(frame(CONFIRM, bytes(32)))
        check("a stranger's proof", carrier.verdict(), ("CLOSE", PROOF))
    check("a JOIN beside a flood of them", session.add(path=5000).refused, None)
    check("the flood is bounded", refused > 0, True)


def pours(carrier, count):
    """Sends so many bytes and reads nothing; whether they were taken."""
    carrier.socket.settimeout(0.5)
    try:
        for at in range(0, count, 65536):
            carrier.send(data(at, bytes(65536)))
    except OSError:
        return False
    return True


def unread(victim):
    """Sends all it can and reads nothing: the session is reset, but nobody hears that."""
    carrier = victim.session().open(receive_buffer=4096)
    pours(carrier, 64 << 20)
    return carrier


def resets_unheard(victim):
    """The timer of a reset that cannot be told must not outlive the session."""
    carrier = victim.session().open(receive_buffer=4096)
    if not pours(carrier, 256 << 10):
        sys.exit("the session did not take what it had promised to")
    time.sleep(0.3)
    carrier.send(reset())
    time.sleep(0.2)
    abort(carrier)
    for _ in range(1100):       # more than are remembered
        other = victim.session().open()
        other.send(reset())
        other.close()
    victim.serves("a reset that cannot be told")


def in_circles(victim):
    carriers = [unread(victim) for _ in range(3)]
    flood = victim.session().open(receive_buffer=4096)
    for _ in range(100):
        flood.send(ping() * 4096)
    half = victim.session().open()
    half.send(frame(DATA, bytes(8) + b"x", length=65544))
    time.sleep(2.5)             # longer than it tries to tell of the resets
    before = victim.memory_bytes()
    cpu_s = victim.cpu_s()
    time.sleep(1)
    cpu_s = victim.cpu_s() - cpu_s
    check("with nothing to do it takes %.2f s of a second" % cpu_s, cpu_s < 0.5, True)
    check("memory grows by itself", victim.memory_bytes() < before + (16 << 20), True)
    for carrier in carriers + [flood, half]:
        abort(carrier)
    victim.serves("peers that do not read")


def dialled(acceptor):
    return subprocess.Popen([PROGRAM, "dial", acceptor.address], stdout=subprocess.PIPE, text=True)


def check_told(what, process, words):
    """The program was told in these words."""
    told = process.communicate(timeout=60)[0]
    if process.returncode != 0 or words not in told:
        sys.exit("%s: %r (%d), expected %r" % (what, told, process.returncode, words))


BROKE = "the peer broke the protocol"


def strange_answers():
    wrong_proof = lambda a, o: a.accept(o)[:30] + bytes(8) + a.accept(o)[38:]
    answers = {
        "garbage": (lambda a, o: os.urandom(1 << 16), "not a hawser peer"),
        "a wrong proof": (lambda a, o: PREAMBLE + wrong_proof(a, o), "could not prove"),
        "limit": (lambda a, o: PREAMBLE + a.accept(o, limit=TOP + 1), BROKE),
        "kind": (lambda a, o: PREAMBLE + a.accept(o, kind=1), "one side wants"),
        "version": (lambda a, o: PREAMBLE + a.accept(o, version=2), BROKE),
        "two answers": (lambda a, o: PREAMBLE + a.accept(o) * 2, BROKE),
        "busy": (lambda a, o: PREAMBLE + close(BUSY), "no room"),
        "nothing": (lambda a, o: b"", "closed without an answer"),
    }
    for length in 3, 8, 12, 20, 79:
        answers["%d bytes" % length] = (lambda a, o, n=length: (PREAMBLE + a.accept(o))[:n], "connection reset")
    recorded = []
    for what, (answer, words) in answers.items():
        acceptor = Acceptor()
        process = dialled(acceptor)
        carrier = acceptor.take()
        offer = acceptor.offer(carrier)
        recorded.append(acceptor.accept(offer))
        try:
            carrier.send(answer(acceptor, offer))
            carrier.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        check_told(what, process, words)
        acceptor.close()
    acceptor = Acceptor()
    process = dialled(acceptor)
    carrier = acceptor.take()
    acceptor.offer(carrier)
    carrier.send(PREAMBLE, recorded[0])
    check("another's answer", carrier.verdict(), ("CLOSE", PROOF))
    check_told("another's answer", process, "could not prove")


def strange_sessions():
    """What an acceptor may do once it is one."""
    attacks = {
        "acks of what was never sent": (ack(6000), BROKE, PROTOCOL_ERROR),
        "done at once": (close(32), BROKE, PROTOCOL_ERROR),
        "data above the limit": (data(1 << 40, b"x"), BROKE, PROTOCOL_ERROR),
        "HELLO": (frame(HELLO, bytes(92)), BROKE, PROTOCOL_ERROR),
        "reset": (reset(1), "aborted by the program", 1),
    }
    for what, (attack, words, reason) in attacks.items():
        acceptor = Acceptor()
        process = dialled(acceptor)
        carrier = acceptor.shake()
        carrier.send(attack)
        check(what, carrier.verdict(), ("RESET", reason))
        check_told(what, process, words)
        acceptor.close()


def flapping_acceptor():
    """Closes every carrier as soon as it is a path: it is dialled again, but not without a pause."""
    acceptor = Acceptor()
    process = dialled(acceptor)
    first = None
    began = time.monotonic()
    for count in range(6):
        abort(acceptor.shake())
        first = first or time.monotonic()
    check("pauses", time.monotonic() - began > 1, True)
    process.kill()
    process.communicate()
    acceptor.close()


def main():
    victim = Victim()
    try:
        talk = subprocess.Popen([PROGRAM, "talk", victim.text, str(TALK_MS)], stdout=subprocess.PIPE, text=True)
        for attack in (frames, offers, replays, one_id_twice, joins_that_confirm, floods, joins_of_another,
                       resets_unheard, in_circles):
            try:
                attack(victim)
                victim.serves(attack.__name__)
            except (Gone, OSError) as gone:
                traceback.print_exc()
                time.sleep(0.2)
                sys.exit("%s: %r; process: %s" % (attack.__name__, gone, victim.process.poll() or "lives"))
            print("ok", attack.__name__, flush=True)
        talk.communicate(timeout=60)
        check("the honest peer", talk.returncode, 0)
    finally:
        victim.end()
    for attack in strange_answers, strange_sessions, flapping_acceptor:
        attack()
        print("ok", attack.__name__, flush=True)


main()
