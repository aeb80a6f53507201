# SPDX-License-Identifier: Apache-2.0
"""What a run found: a table by file, and the survivors with the word that was said on each."""
import collections
import json
import os

BEGIN, END = '<!-- script/mutate --write: from here -->', '<!-- to here -->'
CLASSES = {'open': 'To be killed by a better test', 'tuning': 'Tuning: another value is another taste',
           'equivalent': 'Equivalent, for the reason given', 'harmless': 'No fault: slower, larger or later by a trifle'}


def judged(root):
    """key -> (class, word), from lines of `class: key === word`"""
    found = {}
    with open(os.path.join(root, 'test/mutation/judged')) as file:
        for line in file:
            if line.startswith('#') or not line.strip():
                continue
            name, rest = line.split(': ', 1)
            key, word = rest.rsplit(' === ', 1)
            found[key] = (name, word.strip())
    return found


def rate(killed, all_):
    return '%.1f' % (100 * killed / all_) if all_ else '-'


def rows(shown):
    table = collections.defaultdict(collections.Counter)
    for mutant, record in shown:
        for name in (mutant.file, 'all'):
            table[name][record['verdict']] += 1
            if record['verdict'] == 'killed':
                table[name]['sim' if record['by'].startswith('sim') else 'unit'] += 1
    for name in sorted(table, key=lambda n: (n == 'all', n)):
        c = table[name]
        yield {'file': name, 'compiled': c['killed'] + c['survived'] + c['same'], 'unit': c['unit'],
               'sim': c['sim'], 'survived': c['survived'], 'same': c['same'], 'broken': c['broken'],
               'percent': rate(c['killed'], c['killed'] + c['survived'] + c['same']),
               'percent_of_different': rate(c['killed'], c['killed'] + c['survived'])}


COLUMNS = (('file', 'file'), ('compiled', 'compiled'), ('unit', 'killed by unit tests'), ('sim', 'by worlds'),
           ('survived', 'survived'), ('same', 'same code'), ('broken', 'not compiled'),
           ('percent', '% of compiled'), ('percent_of_different', '% without same code'))


def survivors(shown, words):
    for mutant, record in shown:
        if record['verdict'] == 'survived':
            name, word = words.get(mutant.key, ('open', ''))
            yield name, mutant, word


def markdown(shown, total, options, words):
    what = 'all %d' % total if options.sample is None else '%d drawn with seed %d' % (total, options.seed)
    lines = [BEGIN, '', 'Mutants: %s; judged: %d; %d worlds for each that the unit tests left alive.'
             % (what, len(shown), options.worlds), '',
             '| ' + ' | '.join(title for _, title in COLUMNS) + ' |', '|---' * len(COLUMNS) + '|']
    lines += ['| ' + ' | '.join(str(row[name]) for name, _ in COLUMNS) + ' |' for row in rows(shown)]
    groups = collections.defaultdict(list)
    for name, mutant, word in survivors(shown, words):
        groups[name].append((mutant, word))
    for name, title in CLASSES.items():
        if groups[name]:
            lines += ['', '### %s (%d)' % (title, len(groups[name])), '']
        for mutant, word in sorted(groups[name], key=lambda g: (g[0].file, g[0].line)):
            lines.append('- %s:%d `%s` -> `%s`%s' % (mutant.file, mutant.line, mutant.before,
                                                   mutant.after or ' ', ': ' + word if word else ''))
    return '\n'.join(lines + ['', END])


def show(shown, total, options, root):
    words = judged(root)
    if options.write:
        name = os.path.join(root, 'docs/mutants.md')
        text = open(name).read()
        head, tail = text.split(BEGIN)[0], text.split(END)[1]
        with open(name, 'w') as file:
            file.write(head + markdown(shown, total, options, words) + tail)
    if options.json:
        print(json.dumps({'rows': list(rows(shown)), 'judged': len(shown), 'mutants': total, 'survivors': [
            {'file': m.file, 'line': m.line, 'function': m.function, 'kind': m.kind, 'before': m.before,
             'after': m.after, 'class': name, 'word': word} for name, m, word in survivors(shown, words)]}))
        return
    for name, mutant, word in survivors(shown, words):
        print('%s:%d: %s -> %s  [%s%s]' % (mutant.file, mutant.line, mutant.before, mutant.after or ';', name,
                                          ': ' + word if word else ''))
    print(' '.join('%*s' % (-24 if n == 'file' else 9, n[:9]) for n, _ in COLUMNS))
    for row in rows(shown):
        print(' '.join('%*s' % (-24 if n == 'file' else 9, row[n]) for n, _ in COLUMNS))
    print('%d of %d mutants judged' % (len(shown), total))
