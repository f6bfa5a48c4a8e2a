"""Writes segbox/interop/mmseg/clip_words.tsv: CLIP's tokens of the words in names of classes, and in the templates.

Run it where mmsegmentation 1.2.2, which has CLIP's vocabulary, and segbox's requirements are installed:

    PYTHONPATH=. python -P tests/interop/mmseg/make_clip_words.py
"""

from mmseg.utils import get_predefined_templates
from mmseg.utils.tokenizer import _tokenizer

from segbox.interop.mmseg.clip_text import WORD, WORDS
from segbox.registry import DATASETS


def main() -> None:
    specs = [DATASETS[name].spec for name in DATASETS if hasattr(DATASETS[name], "spec")]
    texts = [*get_predefined_templates("vild"), *(name for spec in specs for name in spec.classes)]
    words = sorted({word for text in texts for word in WORD.findall(text.lower()) if "{" not in word})
    rows = [f"{word}\t{' '.join(map(str, _tokenizer.encode(word)))}\n" for word in words]
    WORDS.write_text("".join(rows), encoding="utf-8")
    print(f"{WORDS}: {len(rows)} words")


if __name__ == "__main__":
    main()
