"""Predict first, measure afterwards: a guess is recorded before a result is seen, and shown beside it later.

A prediction lives in the running kernel (and in the progress file for the learner's own record), so a
notebook that runs without anyone at the keyboard stores the same outputs each time. Skipping one is harmless.
"""

from __future__ import annotations

import anywidget
import traitlets
from IPython.display import display

from course_lib.bilingual import Bilingual, CourseError
from course_lib.lesson import cards
from course_lib.lesson.progress import record_prediction

CODE = r"""
function words(parent, pair, tag) {
  const same = pair.ko === pair.en;  // a name or a number: said once
  for (const language of same ? ["ko"] : ["ko", "en"]) {
    const element = document.createElement(tag || "div");
    if (!same) element.lang = language;
    element.textContent = pair[language];
    parent.append(element);
    if (tag === "span" && language === "ko" && !same) parent.append(" ");
  }
}

function render({ model, el }) {
  const box = document.createElement("fieldset");
  box.className = "course-widget course-predict";
  // Else the notebook takes the arrow keys that move the slider and choose among the answers.
  box.addEventListener("focusin", (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true"));
  const legend = document.createElement("legend");
  words(legend, { ko: "◇ 먼저 예측해 보십시오", en: "◇ Predict first" }, "span");
  const question = document.createElement("div");
  question.className = "course-predict-question";
  words(question, model.get("question"));
  box.append(legend, question);

  const choices = model.get("choices");
  const range = model.get("range");
  let read;
  const inputs = [];
  if (choices.length) {
    const name = "predict-" + model.get("prediction") + "-" + Math.random().toString(36).slice(2);
    choices.forEach((choice, index) => {
      const label = document.createElement("label");
      const input = document.createElement("input");
      input.type = "radio"; input.name = name; input.value = index;
      input.checked = model.get("value") === index;
      label.append(input, " ");
      words(label, choice, "span");
      inputs.push(input);
      box.append(label);
    });
    read = () => {
      const chosen = inputs.find((input) => input.checked);
      return chosen ? Number(chosen.value) : null;
    };
  } else {
    const label = document.createElement("label");
    const input = document.createElement("input");
    const shown = document.createElement("output");
    input.type = "range";
    [input.min, input.max, input.step] = [range.low, range.high, range.step];
    input.value = model.get("value") ?? (range.low + range.high) / 2;
    input.setAttribute("aria-label", model.get("question").ko + " / " + model.get("question").en);
    const digits = (String(range.step).split(".")[1] || "").length;
    const write = () => { shown.textContent = Number(input.value).toFixed(digits) + " " + range.unit; };
    input.addEventListener("input", write);
    write();
    label.append(input, " ", shown);
    inputs.push(input);
    box.append(label);
    read = () => Number(input.value);
  }

  const button = document.createElement("button");
  button.type = "button";
  button.className = "jp-Button";
  words(button, { ko: "예측 기록", en: "Record my prediction" }, "span");
  const status = document.createElement("div");
  status.setAttribute("role", "status");
  box.append(button, status);

  const refresh = () => {
    status.replaceChildren();
    if (model.get("closed")) {
      words(status, { ko: "결과를 본 뒤에는 바꿀 수 없습니다.", en: "It is fixed now that the result is shown." });
      button.disabled = true;
      inputs.forEach((input) => { input.disabled = true; });
    } else if (model.get("value") !== null) {
      words(status, { ko: "✓ 기록했습니다. 결과를 보기 전까지 바꿀 수 있습니다.",
                      en: "✓ Recorded. You may change it until you see the result." });
    }
  };
  button.addEventListener("click", () => {
    const value = read();
    if (value === null) {
      status.replaceChildren();
      words(status, { ko: "하나를 먼저 고르십시오.", en: "Choose one first." });
      return;
    }
    model.set("value", value);
    model.save_changes();
  });
  model.on("change:value", refresh);
  model.on("change:closed", refresh);
  refresh();
  el.append(box);
  return () => { model.off("change:value", refresh); model.off("change:closed", refresh); };
}
export default { render };
"""

STYLE = """
.course-predict { border: 1px solid var(--jp-border-color2, #9e9e9e); border-left: 5px solid
  var(--jp-brand-color1, #1976d2); border-radius: 4px; padding: 6px 14px 10px; max-width: 60em;
  color: var(--jp-content-font-color1, inherit); line-height: 1.5; }
.course-predict legend { font-weight: 600; padding: 0 6px; }
.course-predict label { display: block; margin: 3px 0; cursor: pointer; }
.course-predict input[type="range"] { width: min(24em, 70%); vertical-align: middle; }
.course-predict output { font-variant-numeric: tabular-nums; }
.course-predict button { margin-top: 6px; padding: 3px 12px; height: auto; cursor: pointer; font: inherit;
  gap: 0.5em; color: inherit; background: var(--jp-layout-color2, #ddd);
  border: 1px solid var(--jp-border-color1, #777);
  border-radius: 3px; }
.course-predict button:focus-visible, .course-predict input:focus-visible {
  outline: 3px solid var(--jp-brand-color1, #1976d2); outline-offset: 2px; }
"""


class Prediction(anywidget.AnyWidget):
    """The question, and the learner's answer once it is recorded: the index of a choice, or a number."""

    _esm = CODE
    _css = STYLE
    prediction = traitlets.Unicode().tag(sync=True)
    question = traitlets.Dict().tag(sync=True)
    choices = traitlets.List().tag(sync=True)
    range = traitlets.Dict().tag(sync=True)
    value = traitlets.Any(None, allow_none=True).tag(sync=True)
    closed = traitlets.Bool(False).tag(sync=True)

    def __repr__(self) -> str:
        # The stored text of a widget is compared by nbval: it must not hold the learner's answer.
        return f"Prediction('{self.prediction}')"


_asked: dict[str, Prediction] = {}


def predict(
    prediction_id: str,
    question: Bilingual,
    choices: tuple[Bilingual, ...] = (),
    *,
    low: float = 0.0,
    high: float = 1.0,
    step: float = 0.05,
    unit: str = "",
) -> None:
    """Ask for a prediction, by ``choices`` or by a slider from ``low`` to ``high`` in ``unit``.

    Run again, the question keeps what was recorded until :func:`predicted` has shown the result.
    """
    if not choices and not low < high:
        raise CourseError(Bilingual(
            ko=f"예측의 범위가 비었습니다: low={low}이(가) high={high}보다 작아야 합니다.",
            en=f"The range of the prediction is empty: low={low} must be smaller than high={high}.",
        ))
    before = _asked.get(prediction_id)
    widget = Prediction(
        prediction=prediction_id,
        question=question._asdict(),
        choices=[choice._asdict() for choice in choices],
        range={"low": low, "high": high, "step": step, "unit": unit},
        value=None if before is None or before.closed else before.value,
    )
    widget.observe(lambda change: _remember(widget), names="value")
    if before is not None:
        before.closed = True
    _asked[prediction_id] = widget
    display(widget)


def predicted(prediction_id: str, measured: object, unit: str | None = None) -> None:
    """Show the recorded prediction beside what was measured: a number, or the index of the right choice."""
    heading = cards.heading("◆", "", Bilingual(ko="예측과 측정", en="Prediction and measurement"), "calm")
    widget = _asked.get(prediction_id)
    if widget is None:  # a kernel that was restarted; without the question nobody knows what an index stands for
        first = Bilingual(
            ko=f'예측 "{prediction_id}"의 질문이 아직 없습니다. 질문이 있는 셀(`predict`)을 먼저 실행한 뒤 '
            "이 셀을 다시 실행하십시오.",
            en=f'Prediction "{prediction_id}" has not been asked yet. Run the cell with its question (`predict`) '
            "first, then this one again.",
        )
        cards.show(cards.panel("calm", heading, cards.words(first)))
        return
    widget.closed = True
    value, choices = widget.value, widget.choices
    unit = widget.range["unit"] if unit is None else unit
    lines = [(Bilingual(ko="측정", en="measured"), _told(measured, choices, unit))]
    if value is None:
        skipped = Bilingual(
            ko="기록된 예측이 없습니다. 괜찮습니다. 다음에는 결과를 보기 전에 먼저 적어 보십시오.",
            en="No prediction was recorded. That is fine; next time, write one down before you look.",
        )
        cards.show(cards.panel("calm", heading, _labelled(lines), cards.quiet(skipped)))
        return
    lines.insert(0, (Bilingual(ko="내 예측", en="predicted"), _told(value, choices, unit)))
    if choices:
        same = value == measured
        closing = Bilingual(ko="= 같습니다.", en="= They agree.") if same else Bilingual(
            ko="≠ 다릅니다. 왜 다른지 한 문장으로 말해 보십시오.", en="≠ They differ. Say in one sentence why.",
        )
    else:
        gap = f"{abs(float(measured) - float(value)):.3g}"
        closing = Bilingual(ko=f"차이: {gap}", en=f"Difference: {gap}")
    cards.show(cards.panel("calm", heading, _labelled(lines), cards.words(closing)))


def _labelled(lines: list[tuple[Bilingual, Bilingual]]) -> str:
    return cards.table((), [(cards.words(label), cards.words(value)) for label, value in lines])


def _told(value: object, choices: list[dict], unit: str) -> Bilingual:
    if choices:
        return Bilingual(**choices[int(value)])
    text = f"{float(value):.4g} {unit}".strip()
    return Bilingual(text, text)


def _remember(widget: Prediction) -> None:
    if widget.value is not None and not widget.closed:
        record_prediction(widget.prediction, widget.value)
