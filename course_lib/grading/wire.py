"""Values on their way out of a kernel that nobody trusts: written as JSON, read without running anything.

Pickle would run a stranger's code where it is read. Here a value becomes numbers, strings and lists, and
reading accepts only what :func:`encode` can have written.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import math
import numbers
from collections.abc import Mapping

import numpy as np
import torch

MOST_NUMBERS = 1_000_000  # in one tensor
MOST_PARTS = 50_000  # of one list
DEEPEST = 24  # lists within lists
LONGEST_TEXT = 20_000
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
        torch.int8, torch.uint8, torch.bool, torch.complex128, torch.complex64,
    )
}  # fmt: skip
ARRAY_DTYPES = frozenset(DTYPES) - {"bfloat16"}


class Unreadable(ValueError):
    """Something that :func:`encode` can't have written."""


# -- in the kernel --------------------------------------------------------------------------------------------


def encode(value: object, depth: int = 0) -> object:
    """A value as something JSON knows; whatever is no data becomes the name of its type."""
    if depth > DEEPEST:
        return {"other": "too deeply nested"}
    if isinstance(value, torch.Tensor):
        return _encode_tensor("tensor", value.detach().cpu(), value.requires_grad)
    if isinstance(value, np.ndarray):
        if str(value.dtype) not in ARRAY_DTYPES:
            return {"other": f"array of {value.dtype}"[:100]}
        return _encode_tensor("array", torch.from_numpy(np.array(value, order="C")), False)
    if value is None:
        return None
    if value is ...:
        return {"ellipsis": 0}
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, numbers.Integral):
        number = int(value)
        return number if abs(number) < 2**63 else {"other": "an enormous int"}
    if isinstance(value, numbers.Real):
        return {"float": float(value).hex()}
    if isinstance(value, numbers.Complex):
        return {"complex": [complex(value).real.hex(), complex(value).imag.hex()]}
    if isinstance(value, str):
        return {"text": str(value)[:LONGEST_TEXT]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        parts = [[name, encode(part, depth + 1)] for name, part in fields.items()]
        return {"dataclass": type_name(type(value)), "fields": parts}
    if isinstance(value, (Mapping, list, tuple, set, frozenset)) and len(value) > MOST_PARTS:
        return {"other": f"{type(value).__name__} of length {len(value)}"[:200]}
    if isinstance(value, Mapping):
        return {"map": [[encode(key, depth + 1), encode(part, depth + 1)] for key, part in value.items()]}
    for kind, name in ((list, "list"), (tuple, "tuple")):
        if isinstance(value, kind):
            return {name: [encode(part, depth + 1) for part in value]}
    if isinstance(value, (set, frozenset)):
        parts = [encode(part, depth + 1) for part in value]
        return {"set": sorted(parts, key=json.dumps)}
    if isinstance(value, torch.nn.Module):
        return {"module": encode(dict(value.state_dict()), depth + 1)}
    return {"other": type_name(type(value))}


def _encode_tensor(kind: str, value: torch.Tensor, grad: bool) -> dict:
    dtype = str(value.dtype).removeprefix("torch.")
    if dtype not in DTYPES or value.layout != torch.strided:
        return {"other": f"{kind} of {dtype}, {value.layout}"}
    if value.numel() > MOST_NUMBERS:
        return {"other": f"{kind} of shape {tuple(value.shape)}"[:200]}
    wide = value.to(_wide(value.dtype)).contiguous().numpy().tobytes()
    return {kind: dtype, "shape": list(value.shape), "grad": grad, "data": base64.b64encode(wide).decode()}


def _wide(dtype: torch.dtype) -> torch.dtype:
    """The dtype on the wire, which holds every value of the given one exactly."""
    if dtype.is_complex:
        return torch.complex128
    return torch.float64 if dtype.is_floating_point else torch.int64


def digest(value: object) -> str:
    """The same for two values exactly when no number in them differs."""
    return hashlib.sha256(json.dumps(_without_grad(encode(value))).encode()).hexdigest()


def _without_grad(written: object) -> object:
    if isinstance(written, dict):
        return {key: _without_grad(part) for key, part in written.items() if key != "grad"}
    return [_without_grad(part) for part in written] if isinstance(written, list) else written


def type_name(kind: type) -> str:
    return f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', kind)}"[:200]


# -- in the grader --------------------------------------------------------------------------------------------


class Foreign:
    """Stands for a value that is no data: a function, a generator, an object of a class of the learner's."""

    def __init__(self, name: str) -> None:
        self.__name__ = f"<{name}>"  # what ``compact`` shows


def decode(written: object, dataclasses_known: dict[str, type] | None = None, depth: int = 0) -> object:
    """What :func:`encode` wrote, as a value made of nothing but plain data.

    ``dataclasses_known`` are the only classes made, by the name that :func:`type_name` gives.

    Raises:
        Unreadable: it was not written by :func:`encode`.
    """
    known = dataclasses_known or {}
    if depth > 2 * DEEPEST:
        raise Unreadable("too deep")
    if written is None or isinstance(written, bool):
        return written
    if isinstance(written, int):
        if abs(written) >= 2**63:
            raise Unreadable("an enormous int")
        return written
    if not isinstance(written, dict) or not written:
        raise Unreadable(f"a bare {type(written).__name__}")
    kind = next(iter(written))
    inside = written[kind]
    if kind in {"tensor", "array"}:
        return _decode_tensor(kind, written)
    if kind == "dataclass":
        return _decode_dataclass(written, known, depth)
    if len(written) != 1:
        raise Unreadable(f"{kind} and more")
    if kind == "ellipsis":
        return ...
    if kind == "float":
        return _float(inside)
    if kind == "complex" and isinstance(inside, list) and len(inside) == 2:
        return complex(*map(_float, inside))
    if kind == "text" and isinstance(inside, str):
        return inside[:LONGEST_TEXT]
    if kind == "other" and isinstance(inside, str):
        return Foreign(inside[:200])
    if kind == "module":
        return Foreign("Module")
    if kind in {"list", "tuple", "set"} and isinstance(inside, list):
        parts = [decode(part, known, depth + 1) for part in inside]
        try:
            return {"list": list, "tuple": tuple, "set": set}[kind](parts)
        except TypeError as error:  # a set of lists
            raise Unreadable(str(error)) from error
    if kind == "map" and isinstance(inside, list):
        result = {}
        for pair in inside:
            if not isinstance(pair, list) or len(pair) != 2:
                raise Unreadable("a map without pairs")
            key = decode(pair[0], known, depth + 1)
            if not isinstance(key, (str, int, float, bool, tuple, type(None))):
                raise Unreadable("a strange key")
            result[key] = decode(pair[1], known, depth + 1)
        return result
    raise Unreadable(str(kind)[:40])


def _float(text: object) -> float:
    try:
        return float.fromhex(text)
    except (TypeError, ValueError, OverflowError) as error:
        raise Unreadable("no float") from error


def _decode_tensor(kind: str, written: dict) -> torch.Tensor | np.ndarray:
    dtype, shape, data = DTYPES.get(written[kind]), written.get("shape"), written.get("data")
    right = isinstance(shape, list) and len(shape) <= 32 and isinstance(data, str) and isinstance(written.get("grad"), bool)
    if dtype is None or not right or not all(type(n) is int and 0 <= n <= 2**40 for n in shape):
        raise Unreadable("no tensor")
    if math.prod(shape) > MOST_NUMBERS or len(data) > 24 * MOST_NUMBERS:
        raise Unreadable("an enormous tensor")
    try:
        raw = bytearray(base64.b64decode(data, validate=True))
        wide = _wide(dtype)
        flat = torch.frombuffer(raw, dtype=wide) if raw else torch.empty(0, dtype=wide)
        value = flat.reshape(shape).to(dtype)
    except (ValueError, RuntimeError) as error:
        raise Unreadable("broken numbers") from error
    if kind == "array":
        if written[kind] not in ARRAY_DTYPES:
            raise Unreadable("an array of bfloat16")
        return value.numpy()
    grad = written["grad"] and (dtype.is_floating_point or dtype.is_complex)
    return value.requires_grad_() if grad else value


def _decode_dataclass(written: dict, known: dict[str, type], depth: int) -> object:
    name, parts = written["dataclass"], written.get("fields")
    if not isinstance(name, str) or not isinstance(parts, list):
        raise Unreadable("no dataclass")
    if name not in known:
        return Foreign(name)
    if not all(isinstance(part, list) and len(part) == 2 and isinstance(part[0], str) for part in parts):
        raise Unreadable("no fields")
    kind = known[name]
    fields = {key: decode(part, known, depth + 1) for key, part in parts}
    if fields.keys() != {field.name for field in dataclasses.fields(kind)}:
        raise Unreadable("other fields")
    value = object.__new__(kind)  # no __init__, no __post_init__: only the fields are compared
    for key, part in fields.items():
        object.__setattr__(value, key, part)
    return value


def dataclasses_in(value: object) -> dict[str, type]:
    """The dataclasses that an expected value is made of, by name: the only ones an answer needs."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [getattr(value, field.name) for field in dataclasses.fields(value)]
        found = {type_name(type(value)): type(value)}
    elif isinstance(value, Mapping):
        parts, found = list(value.values()), {}
    else:
        parts, found = (list(value), {}) if isinstance(value, (list, tuple)) else ([], {})
    for part in parts:
        found |= dataclasses_in(part)
    return found
