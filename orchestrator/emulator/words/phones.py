"""What is read out sign by sign: telephone numbers, e-mail addresses, codes with a pattern."""

import re

from orchestrator.emulator.words.text import Found, table

__all__ = ["find_code", "find_emails", "find_phones", "spelled"]

_DIGIT_WORDS = table("zero one two three four five six seven eight nine")
_DIGITS = {word: str(digit) for digit, word in enumerate(_DIGIT_WORDS)} | {"oh": "0", "nought": "0"}
_DIGIT = rf"(?:{'|'.join(_DIGITS)}|[0-9]++)"
_GROUP = rf"(?:(?:double|triple) )?{_DIGIT}"
_PHONE = re.compile(
    rf"(?<![\w:/])(?:\+|plus )?\(?{_GROUP}(?:(?:\)?[ ./-]{{1,2}}\(?|\)){_GROUP})*(?![\w:])",
    re.IGNORECASE,
)
_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]++(?:@| at )(?:[\w-]++(?:\.| dot ))+[a-z]{2,}",
    re.IGNORECASE,
)
_SIGNS = re.compile(r"\+|[^\W_]+")
_TIMES = {"double": 2, "triple": 3}
_LEAST_DIGITS = 7
_LONGEST_CODE = 16


def find_phones(text: str) -> list[Found]:
    """Numbers of seven digits or more, as digits with a leading `+` where one was given."""
    found = list[Found]()
    for match in _PHONE.finditer(text):
        digits = spelled(match[0])
        if len(digits.lstrip("+")) >= _LEAST_DIGITS:
            found.append(Found("phone", digits, *match.span()))
    return found


def find_emails(text: str) -> list[Found]:
    return [
        Found("email", _written(match[0]), *match.span())
        for match in _EMAIL.finditer(text)
        if "@" in match[0] or " dot " in match[0].lower()
    ]


def spelled(text: str) -> str:
    """Words run together, with digit words as digits: `E one two, double four` is `E1244`."""
    signs, times = list[str](), 1
    for match in _SIGNS.finditer(text):
        word = match[0].lower()
        if word in _TIMES:
            times = _TIMES[word]
            continue
        sign = "+" if word == "plus" else _DIGITS.get(word, match[0])
        signs.append(sign[0] * times + sign[1:])
        times = 1
    return "".join(signs)


def find_code(text: str, pattern: str) -> str | None:
    """The first run of words that, run together, matches the whole pattern, capitals or not."""
    try:
        wanted = re.compile(pattern)
    except re.error:
        return None
    parts = [match[0] for match in _SIGNS.finditer(text)]
    for start in range(len(parts)):
        for end in range(min(len(parts), start + _LONGEST_CODE), start, -1):
            if code := _fitting(wanted, " ".join(parts[start:end])):
                return code
    return None


def _fitting(wanted: re.Pattern[str], text: str) -> str | None:
    code = spelled(text)
    return next((each for each in (code, code.upper()) if wanted.fullmatch(each)), None)


def _written(text: str) -> str:
    return re.sub(r" dot ", ".", re.sub(r" at ", "@", text.lower()))
