"""The part of Prometheus' query language that deploy/alerts.yml uses, evaluated over samples in memory.

It refuses every other word with `NotUnderstoodError`: an expression that it merely half understands would make a test
that proves nothing. Times are whole seconds. Semantics are those of Prometheus 2.42: a sample is good for five minutes,
both ends of a range belong to it, and rates are extrapolated towards the ends of their range.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Labels = frozenset[tuple[str, str]]
"""Names and values; the metric's own name is `__name__`."""
Samples = Sequence[tuple[int, float]]
"""Of one series, by time."""
Store = Mapping[Labels, Samples]
Vector = dict[Labels, float]

GOOD_FOR_S = 300
_TOKEN = re.compile(
    r'\s*("[^"\\]*"|\d+(?:\.\d+)?[smh]|\d+(?:\.\d+)?|[A-Za-z_]\w*|=~|!~|!=|==|[-+*/%^<>=(){}\[\],@:]+?)'
)
_SIMPLE_REGEX = re.compile(r"[\w|]+")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "==": lambda left, right: left == right,
    ">": lambda left, right: left > right,
}
MATCHES: Mapping[str, Callable[[str, str], bool]] = {
    "=": lambda value, wanted: value == wanted,
    "=~": lambda value, wanted: re.fullmatch(wanted, value) is not None,
    "!~": lambda value, wanted: re.fullmatch(wanted, value) is None,
}
FUNCTIONS = ("absent", "increase", "rate", "sum")
WORDS = frozenset({*COMPARISONS, *MATCHES, *FUNCTIONS, "and", "/", "by", "["})
"""All that is understood beside names and numbers; a test holds alerts.yml to use each of them."""


class NotUnderstoodError(Exception):
    """The expression uses more of the language than this evaluator knows."""


@dataclass(frozen=True, slots=True)
class Selector:
    """Series of a metric; with a range their samples, else the last one of each."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]
    """Label, operator, value."""
    range_s: int | None = None

    def series(self, store: Store) -> Iterator[tuple[Labels, Samples]]:
        """Those that match."""
        for labels, samples in store.items():
            named = dict(labels)
            if named["__name__"] == self.metric and all(
                MATCHES[how](named.get(label, ""), wanted) for label, how, wanted in self.matchers
            ):
                yield labels, samples


@dataclass(frozen=True, slots=True)
class Call:
    """A function of one argument; `by` are the labels that `sum` keeps."""

    function: str
    argument: "Expression"
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """Two expressions and what stands between them."""

    operator: str
    left: "Expression"
    right: "Expression"


Expression = float | Selector | Call | Binary


def parse(text: str) -> Expression:
    """Read an expression. Raises NotUnderstoodError."""
    parser = _Parser(text)
    found = parser.conjunction()
    parser.expect("")
    return found


def selectors(expression: Expression) -> Iterator[Selector]:
    """All that is read from the store."""
    match expression:
        case Selector():
            yield expression
        case Call(argument=argument):
            yield from selectors(argument)
        case Binary(left=left, right=right):
            yield from selectors(left)
            yield from selectors(right)


def words(expression: Expression) -> set[str]:
    """Which of `WORDS` an expression uses."""
    match expression:
        case Selector(matchers=matchers, range_s=range_s):
            return {how for _, how, _ in matchers} | ({"["} if range_s else set())
        case Call(function=function, argument=argument, by=by):
            return {function} | words(argument) | ({"by"} if by else set())
        case Binary(operator=operator, left=left, right=right):
            return {operator} | words(left) | words(right)
    return set()


def evaluate(expression: Expression, store: Store, at_s: int) -> Vector:
    """The vector at that second. Raises NotUnderstoodError for what has no vector."""
    match expression:
        case Selector(range_s=None):
            return dict(_instant(expression, store, at_s))
        case Call("absent", argument):
            assert isinstance(argument, Selector)
            same = frozenset((label, wanted) for label, how, wanted in argument.matchers if how == "=")
            return {} if evaluate(argument, store, at_s) else {same: 1.0}
        case Call("sum", argument, by):
            return _summed(evaluate(argument, store, at_s), by)
        case Call(function, Selector() as argument):
            return dict(_rates(function, argument, store, at_s))
        case Binary("and", left, right):
            beside = {_unnamed(labels) for labels in evaluate(right, store, at_s)}
            return {labels: n for labels, n in evaluate(left, store, at_s).items() if _unnamed(labels) in beside}
        case Binary("/", left, right):
            under = {_unnamed(labels): n for labels, n in evaluate(right, store, at_s).items()}
            over = {_unnamed(labels): n for labels, n in evaluate(left, store, at_s).items()}
            return {labels: _divided(n, under[labels]) for labels, n in over.items() if labels in under}
        case Binary(operator, left, float() as bound):
            holds = COMPARISONS[operator]
            return {labels: n for labels, n in evaluate(left, store, at_s).items() if holds(n, bound)}
    raise NotUnderstoodError(f"{expression} is no vector")


def _unnamed(labels: Labels) -> Labels:
    return frozenset((label, value) for label, value in labels if label != "__name__")


def _divided(over: float, under: float) -> float:
    return over / under if under else float("nan")


def _instant(selector: Selector, store: Store, at_s: int) -> Iterator[tuple[Labels, float]]:
    for labels, samples in selector.series(store):
        good = [value for when, value in samples if at_s - GOOD_FOR_S <= when <= at_s]
        if good:
            yield labels, good[-1]


def _summed(vector: Vector, by: tuple[str, ...]) -> Vector:
    found: Vector = {}
    for labels, value in vector.items():
        kept = frozenset((label, one) for label, one in labels if label in by)
        found[kept] = found.get(kept, 0.0) + value
    return found


def _rates(function: str, selector: Selector, store: Store, at_s: int) -> Iterator[tuple[Labels, float]]:
    range_s = selector.range_s
    assert range_s is not None, f"{function} is of a range"
    for labels, samples in selector.series(store):
        within = [(when, value) for when, value in samples if at_s - range_s <= when <= at_s]
        if len(within) > 1:
            grown = _grown(within, begins_s=at_s - range_s, ends_s=at_s)
            yield _unnamed(labels), grown / range_s if function == "rate" else grown


def _grown(within: Samples, *, begins_s: int, ends_s: int) -> float:
    """What a counter grew by, resets taken for a new beginning, extrapolated to the ends of the range."""
    (first_s, first), (last_s, last) = within[0], within[-1]
    fell = sum(before for (_, before), (_, after) in pairwise(within) if after < before)
    grown, seen_s = last - first + fell, float(last_s - first_s)
    apart_s = seen_s / (len(within) - 1)
    before_s, after_s = float(first_s - begins_s), float(ends_s - last_s)
    if grown > 0 and first >= 0:
        before_s = min(before_s, seen_s * first / grown)  # a counter was never below zero
    stretched_s = seen_s
    for more_s in (before_s, after_s):
        stretched_s += more_s if more_s < apart_s * 1.1 else apart_s / 2
    return grown * stretched_s / seen_s


class _Parser:
    """Descends from `and` over comparisons and `/` to names, as their precedence has it."""

    def __init__(self, text: str) -> None:
        self._text, self._tokens, place = text, [], 0
        while text[place:].strip():
            found = _TOKEN.match(text, place)
            if found is None:
                raise NotUnderstoodError(f"{text[place:]!r} in {text}")
            self._tokens.append(found[1])
            place = found.end()
        self._tokens.append("")

    def conjunction(self) -> Expression:
        left = self._comparison()
        while self._take("and"):
            left = Binary("and", left, self._comparison())
        return left

    def expect(self, token: str) -> None:
        if self._tokens[0] != token:
            raise NotUnderstoodError(f"{self._tokens[0] or 'the end'!r}, not {token or 'the end'!r}, in {self._text}")
        self._tokens.pop(0)

    def _take(self, *tokens: str) -> str | None:
        return self._tokens.pop(0) if self._tokens[0] in tokens else None

    def _comparison(self) -> Expression:
        left = self._quotient()
        if (operator := self._take(*COMPARISONS)) is None:
            return left
        return Binary(operator, left, self._number())

    def _quotient(self) -> Expression:
        left = self._single()
        while self._take("/"):
            left = Binary("/", left, self._single())
        return left

    def _number(self) -> float:
        try:
            return float(self._tokens.pop(0))
        except ValueError:
            raise NotUnderstoodError(f"something is compared with what is no number, in {self._text}") from None

    def _single(self) -> Expression:
        if self._take("("):
            inner = self.conjunction()
            self.expect(")")
            return inner
        if function := self._take(*FUNCTIONS):
            return self._call(function)
        return self._selector()

    def _call(self, function: str) -> Call:
        by: list[str] = []
        if function == "sum" and self._take("by"):
            self.expect("(")
            by = [self._name()]
            while self._take(","):
                by.append(self._name())
            self.expect(")")
        self.expect("(")
        argument = self.conjunction() if function == "sum" else self._selector()
        self.expect(")")
        ranged = isinstance(argument, Selector) and argument.range_s is not None
        if ranged != (function in ("rate", "increase")):
            raise NotUnderstoodError(f"{function} of {'a range' if ranged else 'no range'}, in {self._text}")
        return Call(function, argument, tuple(by))

    def _name(self) -> str:
        name = self._tokens.pop(0)
        if not name.isidentifier() or name in ("bool", "on", "ignoring", "offset"):
            raise NotUnderstoodError(f"{name or 'the end'!r}, not a name, in {self._text}")
        return name

    def _selector(self) -> Selector:
        metric, matchers, range_s = self._name(), [], None
        if self._take("{"):
            matchers.append(self._matcher())
            while self._take(","):
                matchers.append(self._matcher())
            self.expect("}")
        if self._take("["):
            length = self._tokens.pop(0)
            if length[-1:] not in _SECONDS or not length[:-1].isdecimal():
                raise NotUnderstoodError(f"{length!r} is no length of time, in {self._text}")
            range_s = int(length[:-1]) * _SECONDS[length[-1]]
            self.expect("]")
        return Selector(metric, tuple(matchers), range_s)

    def _matcher(self) -> tuple[str, str, str]:
        label, how, quoted = self._name(), self._tokens.pop(0), self._tokens.pop(0)
        if how not in MATCHES or not quoted.startswith('"'):
            raise NotUnderstoodError(f"{label}{how}{quoted} in {self._text}")
        if how != "=" and not _SIMPLE_REGEX.fullmatch(quoted[1:-1]):
            raise NotUnderstoodError(f"{quoted} is more than words and bars, in {self._text}")
        return label, how, quoted[1:-1]
