# SPDX-License-Identifier: Apache-2.0
"""
The verdicts that are kept in the tree, so that a run anywhere goes on from the last that was written:

    tests DIGEST WORLDS quick|whole
    core/x.c DIGEST LETTERS

The letters stand in the order in which mutants.py makes the mutants of that file; they hold while it is the same.
"""
import os

LETTERS = {'killed': 'k', 'survived': 's', 'same': '=', 'broken': 'x'}
WORLDS, UNKNOWN = 'w', '?'
WIDTH = 100


def path(root):
    return os.path.join(root, 'test/mutation/verdicts')


def letter(record):
    if record is None:
        return UNKNOWN
    return WORLDS if record['verdict'] == 'killed' and record['by'].startswith('sim') else LETTERS[record['verdict']]


def proven_by(records):
    """What all the survivors lived through; nothing, if it was not the same."""
    found = {(r['proof'], r['worlds'], r['quick']) for r in records if r['verdict'] == 'survived'}
    return found.pop() if len(found) == 1 else ('several', 0, True)


def write(root, mutants, known, digests):
    """All that is known of the files as they are."""
    by_file, records = {}, []
    for mutant in mutants:
        record = known.get(mutant.key)
        if record is not None and record['file'] != digests[mutant.file]:
            record = None
        by_file.setdefault(mutant.file, []).append(letter(record))
        records += [record] if record is not None else []
    proof, worlds, quick = proven_by(records)
    with open(path(root), 'w') as file:
        file.write('tests %s %d %s\n' % (proof, worlds, 'quick' if quick else 'whole'))
        for name, letters in by_file.items():
            file.write('%s %s\n' % (name, digests[name]))
            for start in range(0, len(letters), WIDTH):
                file.write('\t%s\n' % ''.join(letters[start:start + WIDTH]))


def read(root):
    """(proof, worlds, quick, file -> (digest, letters))"""
    proof, worlds, quick, files, name = '', 0, True, {}, None
    if os.path.exists(path(root)):
        with open(path(root)) as file:
            for line in file:
                words = line.split()
                if words[0] == 'tests':
                    proof, worlds, quick = words[1], int(words[2]), words[3] == 'quick'
                elif line.startswith('\t'):
                    files[name] = (files[name][0], files[name][1] + words[0])
                else:
                    name = words[0]
                    files[name] = (words[1], '')
    return proof, worlds, quick, files


def add(root, mutants, known, digests):
    """To what this machine has judged, what stands in the tree and is not judged here."""
    proof, worlds, quick, files = read(root)
    verdicts = {l: v for v, l in LETTERS.items()}
    place = {}
    for mutant in mutants:
        nth = place[mutant.file] = place.get(mutant.file, -1) + 1
        digest, letters = files.get(mutant.file, ('', ''))
        if digest != digests[mutant.file] or nth >= len(letters) or letters[nth] == UNKNOWN:
            continue
        record = known.get(mutant.key)
        if record is None or record['file'] != digest:
            by_worlds = letters[nth] == WORLDS
            known[mutant.key] = {'key': mutant.key, 'verdict': 'killed' if by_worlds else verdicts[letters[nth]],
                                 'by': 'sim' if by_worlds else '', 'file': digest, 'proof': proof,
                                 'worlds': worlds, 'quick': quick}
