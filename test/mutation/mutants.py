# SPDX-License-Identifier: Apache-2.0
"""
The mutants of a C file: one small change each, at a place that runs.

Left alone: comments, strings, characters and preprocessor lines (they run nowhere, or in many places at once);
whatever stands in assert() (a broken assert is a broken guard, not a broken product); declarations outside of
function bodies but for tables of values; `*`, `/` and `%`.
"""
import collections
import re

TOKEN = re.compile(r"""(?P<skip>/\*.*?\*/|//[^\n]*|^[ \t]*\#(?:\\\n|[^\n])*)
                      |(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])+')
                      |(?P<number>0[xX][0-9a-fA-F]+[uUlL]*|\d+[uUlL]*)
                      |(?P<word>[A-Za-z_]\w*)
                      |(?P<sign>>>=|<<=|\.\.\.|->|\+\+|--|&&|\|\||<<|>>|[-<>=!+*/%&|^]=|[^\s\w])""",
                   re.S | re.M | re.X)

SWAPS = {'<': ['<=', '>='], '<=': ['<', '>'], '>': ['>=', '<='], '>=': ['>', '<'], '==': ['!='], '!=': ['=='],
         '&&': ['||'], '||': ['&&'], '|': ['&'], '<<': ['>>'], '>>': ['<<'], '++': ['--'], '--': ['++'],
         '+=': ['-='], '-=': ['+='], '|=': ['&='], '&=': ['|=']}
BINARY_ONLY = {'+': ['-'], '-': ['+'], '&': ['|']}
COMPARISONS = {'<', '<=', '>', '>=', '==', '!='}
OPENING, CLOSING = {'(': ')', '[': ']', '{': '}'}, set(')]}')
NO_OPERAND = {'return', 'case', 'sizeof', 'else'}
DECLARES = {'struct', 'enum', 'union', 'const', 'static', 'unsigned', 'typedef', 'void'}
NOT_REMOVED = {'return', 'goto', 'case', 'default', 'if', 'while', 'for', 'do', 'switch', 'else'}

Token = collections.namedtuple('Token', 'kind text start end')
Mutant = collections.namedtuple('Mutant', 'file line function kind start end new before after key')


def tokens_of(text):
    return [Token(m.lastgroup, m.group(), m.start(), m.end()) for m in TOKEN.finditer(text)
            if m.lastgroup != 'skip']


def partners(tokens):
    """For each opening bracket the index of its closing one, and the reverse."""
    found, stack = {}, []
    for i, token in enumerate(tokens):
        if token.kind != 'sign':
            continue
        if token.text in OPENING:
            stack.append(i)
        elif token.text in CLOSING:
            found[i] = stack.pop()
            found[found[i]] = i
    return found


def bodies(tokens, pair):
    """(first, last, name) of each function body and of each table of values at file scope."""
    found, i = [], 0
    while i < len(tokens):
        if tokens[i].text != '{':
            i += 1
            continue
        if tokens[i - 1].text == ')':
            found.append((i, pair[i], tokens[pair[i - 1] - 1].text))
        elif tokens[i - 1].text == '=':
            found.append((i, pair[i], ''))
        i = pair[i] + 1
    return found


def asserted(tokens, pair):
    inside = set()
    for i, token in enumerate(tokens):
        if token.text in ('assert', 'static_assert', '_Static_assert'):
            inside.update(range(i, pair[i + 1] + 1))
    return inside


def is_operand(token):
    return token.kind in ('number', 'text') or token.text in (')', ']') or \
        (token.kind == 'word' and token.text not in NO_OPERAND)


def numbers(text):
    digits = text.rstrip('uUlL')
    suffix, value = text[len(digits):], int(digits, 16 if digits[:2].lower() == '0x' else 10)
    shape = '0x%x%s' if digits[:2].lower() == '0x' else '%d%s'
    return [shape % (other, suffix) for other in ([1] if value == 0 else [value + 1, value - 1])]


def lone_comparison(tokens):
    """Such a condition is negated already by a change of its operator."""
    signs = [t.text for t in tokens]
    return not {'&&', '||', '?'} & set(signs) and sum(s in COMPARISONS for s in signs) == 1


def condition_start(tokens, pair, question):
    i = question - 1
    while True:
        if tokens[i].text in CLOSING:
            i = pair[i]
        elif tokens[i].text in ('(', '[', '{', ',', ';', '?', ':', 'return') or \
                (tokens[i].text.endswith('=') and tokens[i].text not in COMPARISONS):
            return i + 1
        i -= 1


def statement_end(tokens, pair, i):
    """The index of the semicolon of a simple statement that begins at i; None: it is something else."""
    first, second = tokens[i], tokens[i + 1]
    if first.text in ('break', 'continue'):
        return i + 1
    if first.text == 'return':
        return i + 1 if second.text == ';' else None
    if first.text in NOT_REMOVED | DECLARES or (first.kind == 'word' and second.kind == 'word'):
        return None
    if first.kind != 'word' and first.text not in ('*', '(', '++', '--'):
        return None
    if first.kind == 'word' and second.text in ('*', ':'):
        return None
    if first.text == '(' and tokens[i + 1].text == 'void' and tokens[i + 4].text == ';':
        return None
    while tokens[i].text != ';':
        if tokens[i].text in CLOSING:
            return None                 # a list of values
        i = pair[i] + 1 if tokens[i].text in OPENING else i + 1
    return i


def begins_statement(tokens, pair, i):
    before = tokens[i - 1]
    if before.text in (';', '{', '}', 'else', 'do'):
        return True
    if before.text == ':':
        while tokens[i - 1].text not in ('case', 'default', '?', ';', '{', '}'):
            i -= 1
        return tokens[i - 1].text in ('case', 'default')
    return before.text == ')' and tokens[pair[i - 1] - 1].text in ('if', 'while', 'for', 'switch')


def changes(tokens, pair, first, last, excluded):
    """(kind, index of first token, index behind the last, new text; None as text: negate them)"""
    for i in range(first + 1, last):
        token = tokens[i]
        if i in excluded:
            continue
        if token.text in SWAPS:
            for new in SWAPS[token.text]:
                yield 'operator', i, i + 1, new
        elif token.text in BINARY_ONLY and is_operand(tokens[i - 1]):
            yield 'operator', i, i + 1, BINARY_ONLY[token.text][0]
        elif token.kind == 'number':
            for new in numbers(token.text):
                yield 'constant', i, i + 1, new
        elif token.text in ('true', 'false'):
            yield 'constant', i, i + 1, 'false' if token.text == 'true' else 'true'
        if token.text in ('if', 'while') and not lone_comparison(tokens[i + 2:pair[i + 1]]):
            yield 'condition', i + 2, pair[i + 1], None
        elif token.text == '?':
            start = condition_start(tokens, pair, i)
            if not lone_comparison(tokens[start:i]):
                yield 'condition', start, i, None
        if begins_statement(tokens, pair, i):
            end = statement_end(tokens, pair, i)
            if end is not None:
                yield 'statement', i, end, ''


def one_line(text):
    return ' '.join(text.split())


def mutants_of(file, text):
    """All mutants of a file. The key of one survives changes elsewhere in the file."""
    tokens = tokens_of(text)
    pair = partners(tokens)
    excluded = asserted(tokens, pair)
    found, seen = [], collections.Counter()
    for first, last, function in bodies(tokens, pair):
        for kind, begin, behind, new in changes(tokens, pair, first, last, excluded):
            start, end = tokens[begin].start, tokens[behind - 1].end
            if new is None:
                new = '!(' + text[start:end] + ')'
            elif kind == 'statement':
                new = '\n' * text.count('\n', start, end)
            line_start = text.rfind('\n', 0, start) + 1
            line_end = text.find('\n', end)
            before = one_line(text[line_start:line_end])
            after = one_line(text[line_start:start] + new + text[end:line_end])
            name = ' | '.join((file, function, before, after))
            seen[name] += 1
            key = name if seen[name] == 1 else '%s | %d' % (name, seen[name])
            found.append(Mutant(file, text.count('\n', 0, start) + 1, function, kind, start, end, new, before,
                                after, key))
    return found


def mutated(text, mutant):
    return text[:mutant.start] + mutant.new + text[mutant.end:]
