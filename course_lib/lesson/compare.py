"""Two answers compared deeply, and any value shown in a few readable lines.

Numbers, strings, tensors, arrays, lists, tuples, dictionaries and dataclasses may be nested in each
other. Nothing shown contains a memory address or anything else that differs between two runs.
"""

from __future__ import annotations

import dataclasses
import numbers
import types
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch

from course_lib.bilingual import Bilingual

PLAIN_NUMBERS = (numbers.Number, np.bool_)
INDEX_TYPES = (torch.int64, torch.int32)  # by which torch gathers and looks up an embedding
MOST_CHARACTERS = 420  # of one value in a card


class Difference(NamedTuple):
    """How an answer differs from the expected one: a short kind, and a sentence a language."""

    kind: str  # "type", "shape", "dtype", "gradient", "nan", "length", "keys" or "value"
    message: Bilingual


def difference(
    expected: object,
    got: object,
    *,
    tolerance: float = 1e-5,
    dtype_matters: bool = False,
    indices_matter: bool = False,
    where: str = "result",
) -> Difference | None:
    """The first difference between two values, or None where they agree.

    A float agrees when |got − expected| ≤ ``tolerance`` · (1 + |expected|); integers, booleans and
    strings agree exactly. NaN agrees with NaN and shapes never broadcast. A tensor must be a tensor,
    because the learner's function is trained with afterwards; a plain number may be a 0-d tensor.
    With ``indices_matter`` integers must be of a type that tensors are indexed by.
    Where a gradient is expected one must flow; whether it is the right one, :func:`gradients` tells.
    """
    inner = {"tolerance": tolerance, "dtype_matters": dtype_matters, "indices_matter": indices_matter}
    if isinstance(expected, (torch.Tensor, np.ndarray)):
        if not isinstance(got, torch.Tensor if isinstance(expected, torch.Tensor) else np.ndarray):
            return _wrong_type(expected, got, where)
        return _array_difference(expected, got, where=where, **inner)
    if isinstance(expected, PLAIN_NUMBERS):
        return _number_difference(expected, got, tolerance, where)
    if isinstance(expected, str):
        if not isinstance(got, str):
            return _wrong_type(expected, got, where)
        same = expected.strip().casefold() == got.strip().casefold()
        return None if same else _wrong_value(expected, got, where)
    if dataclasses.is_dataclass(expected) and not isinstance(expected, type):
        if type(got) is not type(expected):
            return _wrong_type(expected, got, where)
        parts = [(f"{where}.{field.name}", field.name) for field in dataclasses.fields(expected)]
        found = (
            difference(getattr(expected, name), getattr(got, name), where=place, **inner)
            for place, name in parts
        )
        return next(filter(None, found), None)
    if isinstance(expected, Mapping):
        if not isinstance(got, Mapping):
            return _wrong_type(expected, got, where)
        if set(expected) != set(got):
            return Difference("keys", Bilingual(
                ko=f"`{where}`의 키가 다릅니다: 기대 {_keys(expected)}, 받은 값 {_keys(got)}.",
                en=f"the keys of `{where}` differ: expected {_keys(expected)}, got {_keys(got)}.",
            ))
        found = (
            difference(expected[key], got[key], where=f"{where}[{compact(key)}]", **inner) for key in expected
        )
        return next(filter(None, found), None)
    if isinstance(expected, (list, tuple)):
        if not isinstance(got, (list, tuple)):
            return _wrong_type(expected, got, where)
        if len(expected) != len(got):
            return Difference("length", Bilingual(
                ko=f"`{where}`의 길이가 다릅니다: 기대 {len(expected)}, 받은 값 {len(got)}.",
                en=f"the length of `{where}` differs: expected {len(expected)}, got {len(got)}.",
            ))
        found = (
            difference(one, other, where=f"{where}[{index}]", **inner)
            for index, (one, other) in enumerate(zip(expected, got, strict=True))
        )
        return next(filter(None, found), None)
    if type(expected) is not type(got):
        return _wrong_type(expected, got, where)
    return None if expected == got else _wrong_value(expected, got, where)


def unchanged(before: object, after: object) -> bool:
    """True when no tensor, array or container inside a value was altered, to the last bit, nor cut off its gradient.

    Objects of other kinds (functions, generators, environments) may keep a state of their own and
    count as unchanged.
    """
    if isinstance(before, torch.Tensor):
        return (
            before.shape == after.shape
            and before.dtype == after.dtype
            and before.requires_grad == after.requires_grad  # detach_() and requires_grad_() change no number
            and bool(((before == after) | ((before != before) & (after != after))).all())
        )
    if isinstance(before, np.ndarray):
        same_kind = before.shape == after.shape and before.dtype == after.dtype
        return same_kind and before.tobytes() == after.tobytes()
    if isinstance(before, torch.nn.Module):
        return unchanged(before.state_dict(), after.state_dict())
    if dataclasses.is_dataclass(before) and not isinstance(before, type):
        return unchanged(vars(before), vars(after))
    if isinstance(before, Mapping):
        return list(before) == list(after) and all(unchanged(before[key], after[key]) for key in before)
    if isinstance(before, (list, tuple)):
        return len(before) == len(after) and all(map(unchanged, before, after))
    if isinstance(before, (str, *PLAIN_NUMBERS)):
        return type(before) is type(after) and (before == after or before != before)
    return True


def gradients(value: object, arguments: tuple) -> list[list[list[torch.Tensor]] | None]:
    """What every tensor inside a value sends back into the arguments that it was computed from.

    One entry for each part of the value, in its order: for each argument the gradients of the tensors in it that
    require one, of the part's sum with fixed uneven weights. The entry is empty for a part without a gradient, and
    None where autograd fails, as it does when a number that it needs was changed in place.
    """
    leaves = [[part for part in parts_of(argument) if _has_gradient(part)] for argument in arguments]
    flat = [leaf for inside in leaves for leaf in inside]
    found: list[list[list[torch.Tensor]] | None] = []
    for part in parts_of(value):
        if not _has_gradient(part) or not flat:
            found.append([])
            continue
        # With even weights a gradient exchanged between two entries would go unseen.
        weights = torch.cos(torch.arange(part.numel(), dtype=torch.float64)).to(part).reshape(part.shape)
        try:
            slopes = torch.autograd.grad(
                (part * weights).sum(), flat, allow_unused=True, materialize_grads=True, retain_graph=True
            )
        except Exception:  # noqa: BLE001 - the backward pass runs code of the learner's own, too
            found.append(None)
            continue
        given = iter(slopes)
        found.append([[next(given) for _ in inside] for inside in leaves])
    return found


def kept(value: object) -> object:
    """A value as it is now: its containers rebuilt, its tensors and arrays cloned, gradients included.

    An answer that returns the same list at every call would else change what it has returned before.
    """
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, np.ndarray):
        return value.copy()
    if type(value) in {list, tuple}:
        return type(value)(kept(part) for part in value)
    if type(value) is dict:
        return {key: kept(part) for key, part in value.items()}
    return value


def _has_gradient(part: object) -> bool:
    return isinstance(part, torch.Tensor) and part.requires_grad


def parts_of(value: object) -> list[object]:
    """The tensors, numbers and other things that a nested value is made of, in the same order for equal values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        inside = [getattr(value, field.name) for field in dataclasses.fields(value)]
    elif isinstance(value, torch.nn.Module):
        inside = list(value.parameters())
    elif isinstance(value, Mapping):
        inside = [value[key] for key in sorted(value, key=_compact)]
    elif isinstance(value, (list, tuple)):
        inside = list(value)
    else:
        return [value]
    return [part for one in inside for part in parts_of(one)]


def compact(value: object) -> str:
    """A value in a few lines: a tensor as its shape, its dtype and its first numbers."""
    return _clip(_compact(value))


def _compact(value: object) -> str:
    if isinstance(value, (torch.Tensor, np.ndarray)):
        array = _as_tensor(value)
        kind = "tensor" if isinstance(value, torch.Tensor) else "array"
        dtype = str(value.dtype).removeprefix("torch.")
        separator = " " if array.ndim < 2 else "\n"
        return f"{kind} {_shape(array)} {dtype}{separator}{_digits(array)}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, np.generic):
        return _compact(value.item())
    if value is None or value is ... or isinstance(value, (str, *PLAIN_NUMBERS)):
        return repr(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        inside = ", ".join(f"{name}={_compact(getattr(value, name))}" for name in names)
        return f"{type(value).__name__}({inside})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_compact(key)}: {_compact(part)}" for key, part in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        inside = ", ".join(map(_compact, value))
        if isinstance(value, list):
            return f"[{inside}]"
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, (set, frozenset)):
        return "{" + ", ".join(sorted(map(_compact, value))) + "}"
    if isinstance(vars(type(value)).get("__repr__"), types.FunctionType):  # its class says in Python how it is shown
        return repr(value)
    # The default repr of most other objects holds a memory address, which differs in every run.
    return getattr(value, "__name__", f"<{type(value).__name__}>")


def _array_difference(
    expected, got, tolerance: float, dtype_matters: bool, indices_matter: bool, where: str
) -> Difference | None:
    if tuple(expected.shape) != tuple(got.shape):
        return Difference("shape", Bilingual(
            ko=f"`{where}`의 모양(shape)이 다릅니다: 기대 {_shape(expected)}, 받은 값 {_shape(got)}.",
            en=f"the shape of `{where}` differs: expected {_shape(expected)}, got {_shape(got)}.",
        ))
    if isinstance(got, torch.Tensor) and got.is_complex() and not expected.is_complex():
        return Difference("dtype", Bilingual(
            ko=f"`{where}`가 복소수({got.dtype})입니다. 실수 부분만 필요하면 `.real`을 쓰십시오.",
            en=f"`{where}` is complex ({got.dtype}). Where only its real part is wanted, take `.real`.",
        ))
    if dtype_matters and expected.dtype != got.dtype:
        how_ko = how_en = ""
        if expected.dtype == torch.float32:  # what PyTorch trains with; NumPy's numbers are float64
            how_ko, how_en = " `.float()`로 바꾸십시오.", " Convert it with `.float()`."
        return Difference("dtype", Bilingual(
            ko=f"`{where}`의 자료형(dtype)이 다릅니다: 기대 {expected.dtype}, 받은 값 {got.dtype}.{how_ko}",
            en=f"the dtype of `{where}` differs: expected {expected.dtype}, got {got.dtype}.{how_en}",
        ))
    if indices_matter and expected.dtype == torch.int64 and got.dtype not in INDEX_TYPES:
        return Difference("dtype", Bilingual(
            ko=f"`{where}`는 표의 자리를 가리키는 번호라서 자료형(dtype)이 {expected.dtype}이어야 하는데 {got.dtype}입니다: "
               "`.long()`으로 바꾸십시오.",
            en=f"`{where}` numbers places in a table, so its dtype must be {expected.dtype} and is {got.dtype}: convert it "
               "with `.long()`.",
        ))
    if _has_gradient(expected) and not got.requires_grad:
        return Difference("gradient", Bilingual(
            ko=f"`{where}`에 그래디언트가 흐르지 않습니다: `detach`, `no_grad`, `.item()`을 쓰지 않았는지 보십시오.",
            en=f"no gradient flows through `{where}`: look for `detach`, `no_grad` or `.item()`.",
        ))
    wanted, given = _as_tensor(expected), _as_tensor(got)
    exact = not (wanted.is_floating_point() or given.is_floating_point())
    slack = 0.0 if exact else tolerance
    wanted, given = wanted.double(), given.double()
    new_nan = given.isnan() & ~wanted.isnan()
    if new_nan.any():
        return _not_a_number(where, int(new_nan.sum()), given.numel())
    agrees = (wanted == given) | (wanted.isnan() & given.isnan())
    agrees |= (wanted - given).abs() <= slack * (1 + wanted.abs().nan_to_num(posinf=0.0))
    if agrees.all():
        return None
    wrong = (~agrees).nonzero()
    first = tuple(wrong[0].tolist())
    place = f"{where}[{', '.join(map(str, first))}]" if first else where
    one, other = _compact(wanted[first].item()), _compact(given[first].item())
    return Difference("value", Bilingual(
        ko=f"{wanted.numel()}개 중 {len(wrong)}개가 다릅니다: `{place}`에서 기대 {one}, 받은 값 {other}.",
        en=f"{len(wrong)} of {wanted.numel()} numbers differ: at `{place}` expected {one}, got {other}.",
    ))


def _number_difference(expected, got, tolerance: float, where: str) -> Difference | None:
    if isinstance(got, (torch.Tensor, np.ndarray)):
        if got.ndim:
            return Difference("type", Bilingual(
                ko=f"`{where}`는 수 하나여야 하는데 모양(shape)이 {_shape(got)}입니다. 평균이나 합을 잊지 않았는지 보십시오.",
                en=f"`{where}` must be one number, and has the shape {_shape(got)}. Look for a mean or a sum that is missing.",
            ))
        got = got.item()
    if not isinstance(got, PLAIN_NUMBERS):
        return _wrong_type(expected, got, where)
    # True == 1 in Python, and a learner who answers `True` to "which line?" has not said 1.
    if isinstance(expected, (bool, np.bool_)) != isinstance(got, (bool, np.bool_)):
        return _wrong_type(expected, got, where)
    if got != got and expected == expected:
        return _not_a_number(where, 1, 1)
    if expected == got or (expected != expected and got != got):
        return None
    close = abs(got - expected) <= tolerance * (1 + abs(expected)) and abs(expected) != np.inf
    return None if close and not isinstance(expected, numbers.Integral) else _wrong_value(expected, got, where)


def _wrong_type(expected: object, got: object, where: str) -> Difference:
    one, other = _kind(expected), _kind(got)
    if isinstance(expected, torch.Tensor) and expected.ndim == 0 and isinstance(got, PLAIN_NUMBERS):
        return Difference("type", Bilingual(
            ko=f"`{where}`는 텐서여야 하는데 {other}입니다: 학습에 쓰므로 `.item()`이나 `float()` 없이 텐서를 돌려주십시오.",
            en=f"`{where}` has to be a tensor and is of type {other}: it is trained with, so return it without `.item()` or `float()`.",
        ))
    return Difference("type", Bilingual(
        ko=f"`{where}`의 종류(type)가 다릅니다: 기대 {one}, 받은 값 {other}.",
        en=f"the type of `{where}` differs: expected {one}, got {other}.",
    ))


def _wrong_value(expected: object, got: object, where: str) -> Difference:
    return Difference("value", Bilingual(
        ko=f"`{where}`의 값이 다릅니다: 기대 {compact(expected)}, 받은 값 {compact(got)}.",
        en=f"the value of `{where}` differs: expected {compact(expected)}, got {compact(got)}.",
    ))


def _not_a_number(where: str, count: int, total: int) -> Difference:
    return Difference("nan", Bilingual(
        ko=f"`{where}`의 {total}개 중 {count}개가 NaN입니다: 0으로 나누거나 0의 로그를 구하지 않았는지 보십시오.",
        en=f"{count} of {total} numbers in `{where}` are NaN: look for a division by 0 or a logarithm of 0.",
    ))


def _as_tensor(value) -> torch.Tensor:
    return value.detach().cpu() if isinstance(value, torch.Tensor) else torch.as_tensor(value)


def _kind(value: object) -> str:
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return f"{type(value).__name__} {_shape(value)}"
    return type(value).__name__


def _shape(value) -> str:
    return str(tuple(value.shape))


def _keys(value: Mapping) -> str:
    return _clip(", ".join(sorted(map(_compact, value))) or "{}")


def _digits(array: torch.Tensor) -> str:
    if array.is_floating_point():
        array = array.double()  # bfloat16 has no numpy counterpart
        array = torch.where(array == 0, 0.0, array)  # −0 and 0 are shown alike
    return np.array2string(
        array.numpy(),
        precision=4,
        suppress_small=True,
        threshold=40,
        edgeitems=3,
        separator=", ",
        max_line_width=96,
    )


def _clip(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS].rstrip() + " …"
