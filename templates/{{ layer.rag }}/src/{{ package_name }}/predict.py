"""Ask the knowledge base in service from the terminal: `uv run poe ask "How do I sort a list?"`.

Without a question it is a conversation: an empty line ends it.
"""

import argparse

from .answering import Sentence
from .assistant import Answer, Assistant, Turn
from .generators import open_generator
from .knowledge_base import KnowledgeBase
from .settings import Settings


def show(answer: Answer, sentence: Sentence | None) -> None:
    """Print a sentence as soon as it is there."""
    del answer
    if sentence is not None:
        print(f"{sentence.text} [{sentence.passage + 1}]", flush=True)


def respond(assistant: Assistant, question: str, history: list[Turn]) -> Answer:
    """Answer a question and print the answer with its sources."""
    answer = assistant.ask(question, history, show)
    if answer.refused:
        print(answer.text)
    cited = {sentence.passage for sentence in answer.sentences}
    for place, chunk in enumerate(answer.passages):
        if place in cited:
            print(f"  [{place + 1}] {chunk.document}: {' > '.join(chunk.section)}")
    if answer.note:
        print(f"  {answer.note}")
    return answer


def main() -> None:
    """Answer one question, or talk."""
    parser = argparse.ArgumentParser(prog="poe ask", description="Ask the documents a question.")
    parser.add_argument("question", nargs="?", help="without it, a conversation")
    asked = parser.parse_args()
    settings = Settings()
    try:
        base = KnowledgeBase.open(settings.model_dir, settings)
        assistant = Assistant(base, open_generator(settings))
        if asked.question is not None:
            if not asked.question.strip():
                raise SystemExit("error: the question is empty")
            respond(assistant, asked.question, [])
            return
        history: list[Turn] = []
        while question := input("? ").strip():
            history.append(Turn(question, respond(assistant, question, history).text))
    except (OSError, ValueError) as error:
        raise SystemExit(f"error: {error} (`uv run poe train` builds the knowledge base)") from error
    except (EOFError, KeyboardInterrupt):
        print()


if __name__ == "__main__":
    main()
