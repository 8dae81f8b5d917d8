"""The prompts: files with versions, in the folder `prompts`. `assistant.py` and `judging.py` fill them in.

A file has three parts between lines of three dashes: what it is for and its version, what the model is told about its
task, and the message with places to fill in ($question). Raise the version when you change the text: answers of
different prompts cannot be compared.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from .documents import Chunk

FOLDER = Path(__file__).parent / "prompts"
REFUSAL = "The documents do not answer this question."
REMOVED = "[left out: text that addresses an assistant]"

# Sentences in documents that try to instruct a language model. No list of patterns catches all of them: what protects
# in the end is that the model can do nothing but write, and that each sentence is checked against the passages.
INSTRUCTION = re.compile(
    r"\b(ignore|disregard|forget|override)\b.{0,40}\b(previous|prior|above|earlier|all|any|your)\b.{0,40}"
    r"\b(instruction|prompt|rule|direction|context|question)"
    r"|\b(system|developer) (prompt|message|instruction)s?\b"
    r"|\byou are (now|no longer)\b|\bact as (a|an|if)\b|\bpretend (to be|that you)\b"
    r"|\b(as|dear|attention|note to) (an? )?(ai|assistant|language model|llm|chatbot)\b"
    r"|\b(instead|only|always|must) (answer|reply|respond|say|write)\b|\b(answer|reply|respond) (only )?with\b"
    r"|<\|?/?(im_start|im_end|system|assistant|user|passage)\b|\[/?INST\]",
    re.IGNORECASE | re.DOTALL,
)
SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[A-Z\"'(`\[<])|\n\s*\n")


@dataclass(frozen=True)
class Message:
    """What a language model gets.

    Attributes:
        system: What its task is.
        user: The material and the question.
        prompt: Name and version of the prompt that it was made of.
    """

    system: str
    user: str
    prompt: str


class Prompt:
    """A prompt file."""

    def __init__(self, name: str) -> None:
        """Read a file.

        Raises:
            ValueError: If it has no version, or not three parts.
        """
        text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
        head, *parts = re.split(r"(?m)^---\n", text)
        number = re.match(r"version: (\d+)\n", head)
        if number is None or len(parts) != 2:
            raise ValueError(f"{FOLDER / name}.md must begin with its version and have three parts")
        self.name, self.text = name, text
        self.version = f"{number[1]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        self.system, self.user = (Template(part.strip()) for part in parts)

    def fill(self, **values: str) -> Message:
        """Fill in the places. What is filled in is not looked at again: a `$question` in a document stays as it is.

        Raises:
            KeyError: If a place stays empty.
        """
        filled = {"refusal": REFUSAL} | values
        return Message(self.system.substitute(filled), self.user.substitute(filled), f"{self.name} {self.version}")


def sentences_of(text: str) -> list[str]:
    """Cut a text into sentences; a blank line ends one, too."""
    return [part.strip() for part in SENTENCE.split(text) if part.strip()]


def is_instruction(sentence: str) -> bool:
    """Tell whether a sentence of a document tries to instruct a language model."""
    return INSTRUCTION.search(sentence) is not None


def without_instructions(text: str, instead: str = "") -> str:
    """Return a text of a document without the sentences that try to instruct a language model."""
    if not is_instruction(text):
        return text
    return "\n".join(instead if is_instruction(each) else each for each in sentences_of(text))


def quoted(text: str) -> str:
    """Return a text of a document as material for a prompt: instructions left out, tags that could end it defused."""
    text = without_instructions(text, REMOVED)
    return re.sub(r"<(?=/?passage|/?conversation|\|)", "&lt;", text, flags=re.IGNORECASE)


def passages_text(chunks: Iterable[Chunk]) -> str:
    """Write numbered passages for a prompt."""
    return "\n".join(passage_text(number, chunk) for number, chunk in enumerate(chunks, 1))


def passage_text(number: int, chunk: Chunk) -> str:
    """Write a passage with its number and its headings."""
    heading = quoted(" > ".join(chunk.section) or chunk.title)
    return f'<passage number="{number}">\n{heading}\n{quoted(chunk.text)}\n</passage>'


def plain_passages(chunks: Iterable[Chunk]) -> str:
    """Write passages for a small model, which tags would only confuse."""
    return "\n\n".join(quoted(chunk.text) for chunk in chunks)


def versions() -> dict[str, str]:
    """Return the version of each prompt."""
    return {path.stem: Prompt(path.stem).version for path in sorted(FOLDER.glob("*.md"))}


def log_to(mlflow: Any) -> None:
    """Note the prompts in the open run: their versions as tags, their texts as files."""
    mlflow.set_tags({f"prompt.{name}": version for name, version in versions().items()})
    mlflow.log_artifacts(str(FOLDER), artifact_path="prompts")
