# SPDX-License-Identifier: Apache-2.0
"""
The trial of a mutant: its file is compiled and linked with the others to a libcore.so of its own, on which
the unit tests and the simulated worlds run until the first failure. What runs for ever fails by a limit of
processor time, so that a busy machine decides nothing.

    build-mutate/tree       a copy of the sources, so that they may change meanwhile
                /base       objects and library of the core as it is
                /bin        the tests and the simulator, linked once; the tests with sanitizers too
                /run-PID    library and working directory of each process
"""
import glob
import hashlib
import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys

from mutants import mutated

FLAGS = ['-std=gnu11', '-D_GNU_SOURCE', '-fPIC', '-w']
SANITIZE = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']
OWN, QUICK, WORLDS, SLOW = range(4)
QUICK_PLACES, FULL_PLACES = (OWN, QUICK), (WORLDS, SLOW)
QUICK_S, LONGEST_WALL_S, MEMORY_BYTES = 1, 300, 2 << 30


def tell(text):
    """What goes on, for who waits at a terminal; the next line takes its place."""
    if sys.stderr.isatty():
        print('\r\033[K' + text, end='', file=sys.stderr, flush=True)


def run(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)


def must(command, **more):
    result = run(command, **more)
    if result.returncode != 0:
        raise SystemExit('%s\n%s' % (' '.join(command), result.stdout.decode()))


def digest(*names):
    whole = hashlib.sha256()
    for name in names:
        with open(name, 'rb') as file:
            whole.update(file.read())
    return whole.hexdigest()[:16]


def sanitized(name):
    return 'sanitized-' + name


class Bench:
    def __init__(self, place, worlds, quick):
        self.place, self.worlds, self.quick = os.path.abspath(place), worlds, quick
        self.tree, self.bin = self.place + '/tree', self.place + '/bin'
        self.cc, self.seconds, self.child = os.environ.get('CC', 'cc'), {}, None

    def path(self, *parts):
        return os.path.join(self.place, *parts)

    def object(self, file, where='base'):
        return self.path(where, os.path.basename(file)[:-2] + '.o')

    def compile(self, text, out, level='-O1', more=()):
        command = [self.cc, *FLAGS, level, *more, '-I' + self.tree, '-iquote', self.tree + '/core', '-x', 'c', '-c']
        return run(command + ['-', '-o', out], input=text.encode()).returncode == 0

    def link(self, objects, out):
        must(['ld', '-shared', '-Bsymbolic', *objects, '-o', out])

    def look(self, root):
        """Of a report: builds nothing, so that a run beside it is left in peace."""
        self.tree = root
        self.files = sorted('core/' + os.path.basename(f) for f in glob.glob(root + '/core/*.c'))

    def prepare(self, root):
        """Copies and builds all that is not changed."""
        shutil.rmtree(self.tree, ignore_errors=True)
        for name in ('core', 'sim', 'test'):
            shutil.copytree(os.path.join(root, name), self.path('tree', name), ignore=lambda folder, names: [
                n for n in names if n in ('__pycache__', 'fault', 'lab', 'net', 'driver')])
        with open(self.tree + '/commit.h', 'w') as file:
            file.write('#define SIM_COMMIT "mutant"\n')
        for name in ('base', 'bin'):
            os.makedirs(self.path(name), exist_ok=True)
        self.files = sorted('core/' + os.path.basename(f) for f in glob.glob(self.tree + '/core/*.c'))
        for file in self.files:
            tell('building ' + file)
            if not self.compile(open(os.path.join(self.tree, file)).read(), self.object(file)):
                raise SystemExit(file + ' does not compile')
        self.link([self.object(f) for f in self.files], self.path('base', 'libcore.so'))
        common = sorted(glob.glob(self.tree + '/test/*.c'))
        headers = glob.glob(self.tree + '/*/*.h')
        self.program('common.o', common, headers, ['-O1', '-w', '-r'])
        rest = ['-w', '-L' + self.path('base'), '-lcore']
        self.tests = []
        for source in sorted(glob.glob(self.tree + '/test/unit/*_test.c')):
            text = open(source).read()
            if any('"%s/' % part in text for part in ('driver', 'sim', 'transport')):
                continue                # not of the core
            name = os.path.basename(source)[:-2]
            self.tests.append(name)
            self.program(name, [source, self.path('bin', 'common.o')], headers, ['-O1', *rest])
            self.program(sanitized(name) + '.o', [source], headers, ['-O1', '-w', '-c', *SANITIZE])
        self.program('sim', sorted(glob.glob(self.tree + '/sim/*.c')), headers, ['-O2', *rest])
        self.program(sanitized('common.o'), common, headers, ['-O1', '-w', '-r', *SANITIZE])
        for file in self.files:
            self.program(sanitized(os.path.basename(file)[:-2] + '.o'), [os.path.join(self.tree, file)], headers,
                         ['-O1', '-w', '-c', *SANITIZE])
        self.proof = digest(*(self.path('bin', n + '.stamp') for n in (
            *self.tests, *(sanitized(t) + '.o' for t in self.tests), 'sim')))

    def program(self, name, sources, headers, flags):
        stamp, now = self.path('bin', name + '.stamp'), digest(*sources, *sorted(headers))
        if os.path.exists(stamp) and open(stamp).read() == now:
            return
        tell('building ' + name)
        must([self.cc, '-std=gnu11', '-D_GNU_SOURCE', '-I' + self.tree, '-iquote', self.tree + '/sim',
              *sources, *flags, '-o', self.path('bin', name)])
        with open(stamp, 'w') as file:
            file.write(now)

    def link_sanitized(self, name, out, file=None, mutant=None):
        """A test with all of the core in it; of one file the mutant."""
        objects = [mutant if f == file else self.path('bin', sanitized(os.path.basename(f)[:-2] + '.o'))
                   for f in self.files]
        must([self.cc, *SANITIZE, self.path('bin', sanitized(name) + '.o'),
              self.path('bin', sanitized('common.o')), *objects, '-o', out])

    def command(self, name):
        program = self.path('bin', name)
        if os.path.isabs(name):
            return ['sh', '-c', 'ulimit -S -v unlimited; exec "$0"', name]      # the sanitizers reserve terabytes
        if name != 'sim':
            return [program]
        return [program, '--soak', '1', str(self.worlds), '--jobs', '1', '--stop-early']

    def fails(self, name, folder, limit_s):
        """Runs a test against the library of a folder: None, or how it failed."""
        child = subprocess.Popen(self.command(name), cwd=folder, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                                 env={'LD_LIBRARY_PATH': folder, 'ASAN_OPTIONS': 'hard_rss_limit_mb=%d' %
                                      (MEMORY_BYTES >> 20)})
        self.child = child.pid
        try:
            resource.prlimit(child.pid, resource.RLIMIT_CPU, (limit_s, limit_s + 1))
            status = child.wait(LONGEST_WALL_S)
        except ProcessLookupError:
            status = child.wait()
        except subprocess.TimeoutExpired:
            status = -signal.SIGXCPU
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()
        self.child = None
        if status in (-signal.SIGXCPU, -signal.SIGKILL):
            return 'time'
        return None if status in (0, 77) else 'assert' if status == -signal.SIGABRT else 'fails'

    def stop(self):
        if self.child is not None:
            os.killpg(self.child, signal.SIGKILL)
        return 'ended'

    def measure(self):
        """The tests pass on the core as it is; how long they take, in seconds of the processor."""
        cache = self.path('seconds')
        state = digest(*(os.path.join(self.tree, f) for f in self.files)) + self.proof + str(self.worlds)
        if os.path.exists(cache):
            with open(cache) as file:
                known = json.load(file)
            if known['state'] == state:
                self.seconds = known['seconds']
                return
        programs = [self.path('bin', sanitized(n)) for n in self.tests]
        for name, program in zip(self.tests, programs):
            self.link_sanitized(name, program)
        for name in self.tests + programs + (['sim'] if self.worlds > 0 else []):
            tell('timing without a mutant: ' + os.path.basename(name))
            start = resource.getrusage(resource.RUSAGE_CHILDREN)
            how = self.fails(name, self.path('base'), LONGEST_WALL_S)
            end = resource.getrusage(resource.RUSAGE_CHILDREN)
            if how is not None:
                raise SystemExit('%s fails without a mutant: %s' % (name, how))
            self.seconds[name] = end.ru_utime - start.ru_utime + end.ru_stime - start.ru_stime
        with open(cache, 'w') as file:
            json.dump({'state': state, 'seconds': self.seconds}, file)

    def limit(self, name):
        return max(1, math.ceil(min(self.seconds[name] * 10, self.seconds[name] * 2 + 5)))

    def own(self, file):
        return [n for n in self.tests if n.startswith(os.path.basename(file)[:-2])]

    def order(self, file, places):
        """Those of its places: its own tests, the quick ones, the worlds, and what takes longer than those."""
        own, slow = self.own(file), max(self.seconds.get('sim', 0), QUICK_S)
        place = {}
        for name in self.tests + (['sim'] if self.worlds > 0 else []):
            place[name] = OWN if name in own else WORLDS if name == 'sim' else \
                QUICK if self.seconds[name] <= slow else SLOW
        return [n for n in sorted(place, key=lambda n: (place[n], self.seconds[n]))
                if place[n] in places and (place[n] != SLOW or not self.quick)]

    def same_code(self, text, changed, folder):
        """Whether the compiler, at its keenest, makes the same code of both."""
        outs = [os.path.join(folder, n) for n in ('original.o', 'changed.o')]
        return all(self.compile(t, o, '-O2') for t, o in zip((text, changed), outs)) and \
            digest(outs[0]) == digest(outs[1])

    def fails_sanitized(self, file, changed, folder):
        """The name of one of its own tests that fails where memory and arithmetic are watched, or None."""
        out, program = os.path.join(folder, 'sanitized.o'), os.path.join(folder, 'sanitized')
        if not self.compile(changed, out, more=SANITIZE):
            return None
        for name in self.own(file):
            self.link_sanitized(name, program, file, out)
            if self.fails(program, folder, self.limit(self.path('bin', sanitized(name)))) is not None:
                return name
        return None

    def judge(self, mutant, tests):
        """(verdict, by): killed, survived these tests, same (equal code), broken (does not compile)"""
        folder = self.path('run-%d' % os.getpid())
        os.makedirs(folder, exist_ok=True)
        text = open(os.path.join(self.tree, mutant.file)).read()
        changed, out = mutated(text, mutant), os.path.join(folder, 'mutant.o')
        if not self.compile(changed, out):
            return 'broken', ''
        if digest(out) == digest(self.object(mutant.file)):
            return 'same', ''
        self.link([out if f == mutant.file else self.object(f) for f in self.files], folder + '/libcore.so')
        for name in tests:
            how = self.fails(name, folder, self.limit(name))
            if how is not None:
                return 'killed', name + ' ' + how
        return ('same' if self.same_code(text, changed, folder) else 'survived'), ''

    def judge_quickly(self, mutant):
        """By the tests of its file and the quick ones, which most do not survive."""
        return self.judge(mutant, self.order(mutant.file, QUICK_PLACES))

    def judge_fully(self, mutant):
        """What survived those: by worlds, the slow tests and the sanitizers."""
        verdict, by = self.judge(mutant, self.order(mutant.file, FULL_PLACES))
        if verdict != 'survived':
            return verdict, by
        folder = self.path('run-%d' % os.getpid())
        name = self.fails_sanitized(mutant.file, mutated(open(os.path.join(self.tree, mutant.file)).read(), mutant),
                                    folder)
        return ('killed', name + ' sanitized') if name is not None else ('survived', '')


bench = None


def end_worker(*_):
    bench.stop()
    os._exit(1)


def start_worker(shared):
    global bench
    bench = shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end_worker)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.RLIM_INFINITY))


def work_quickly(mutant):
    return mutant, bench.judge_quickly(mutant)


def work_fully(mutant):
    return mutant, bench.judge_fully(mutant)
