"""The network: a decoder-only transformer as Llama has it (Touvron et al. 2023), to be read in one sitting.

    tokens  (batch, n)          whole numbers
    embed   (batch, n, width)   a vector for each token
    block   (batch, n, width)   x + attention(norm(x)), then x + feed_forward(norm(x)); repeated `layers` times
    logits  (batch, n, vocabulary)   how well each token would fit as the next one (the embedding, turned around)

One class serves both ways to a model: training from scratch, and the weights of a pretrained Llama (`pretrained.py`),
whose names for the parts are kept here.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - what everybody calls it
from torch import Tensor, nn

# Spread of new weights, as in GPT-2: small enough that a new network finds every token about equally probable.
SPREAD = 0.02


@dataclass(frozen=True)
class Shape:
    """Everything that decides how many weights there are and what they are multiplied with.

    Attributes:
        vocabulary: Number of tokens.
        width: Length of a token's vector; `hidden`, of the one inside of a feed-forward layer.
        layers: Number of blocks.
        heads: Queries of an attention layer. Several can share a key and a value: there are `kv_heads` of those.
        rope_base: Of the rotation (see `Rotary`): the larger, the slower the slowest pair turns.
        norm_eps: Keeps a norm from dividing by zero.
    """

    vocabulary: int
    width: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    rope_base: float = 10_000.0
    norm_eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        """Length of a query, a key and a value."""
        return self.width // self.heads


class Rotary(nn.Module):
    """Rotary position embedding (Su et al. 2021): queries and keys are turned by an angle that grows with the position.

    A product of two turned vectors depends on how far they are apart, not on where they are.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        exponents = torch.arange(0, shape.head_dim, 2).float() / shape.head_dim
        self.speed: Tensor
        self.register_buffer("speed", shape.rope_base**-exponents, persistent=False)

    def forward(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosine and sine of every angle, each of shape (n, head_dim), for positions of shape (n,)."""
        angles = positions[:, None].float() * self.speed
        angles = torch.cat([angles, angles], dim=-1)
        return angles.cos(), angles.sin()


def turn(vectors: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn vectors of shape (…, n, head_dim); number i and number i + head_dim / 2 are a pair."""
    first, second = vectors.chunk(2, dim=-1)
    return vectors * cosine + torch.cat([-second, first], dim=-1) * sine


class Attention(nn.Module):
    """Causal self-attention: each token gathers from itself and the ones before it what its query asks for."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = shape.heads, shape.kv_heads, shape.head_dim
        self.q_proj = nn.Linear(shape.width, shape.heads * shape.head_dim, bias=False)
        self.k_proj = nn.Linear(shape.width, shape.kv_heads * shape.head_dim, bias=False)
        self.v_proj = nn.Linear(shape.width, shape.kv_heads * shape.head_dim, bias=False)
        self.o_proj = nn.Linear(shape.heads * shape.head_dim, shape.width, bias=False)

    def forward(
        self, x: Tensor, cosine: Tensor, sine: Tensor, past: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the result, and keys and values of all tokens so far.

        Args:
            x: The new tokens, shape (batch, n, width).
            cosine: Of the angles of their positions, shape (n, head_dim).
            sine: The same.
            past: Keys and values of the tokens before them, each of shape (batch, kv_heads, p, head_dim).
        """
        batch, n, _ = x.shape
        q = self.q_proj(x).view(batch, n, self.heads, self.head_dim).transpose(1, 2)
        k = self.k_proj(x).view(batch, n, self.kv_heads, self.head_dim).transpose(1, 2)
        v = self.v_proj(x).view(batch, n, self.kv_heads, self.head_dim).transpose(1, 2)
        q, k = turn(q, cosine, sine), turn(k, cosine, sine)
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        shared = self.heads // self.kv_heads
        keys, values = (k, v) if shared == 1 else (k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1))
        if past is None:
            mixed = F.scaled_dot_product_attention(q, keys, values, is_causal=True)
        else:
            mixed = F.scaled_dot_product_attention(q, keys, values, attn_mask=causal_mask(n, k.shape[2], x.device))
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, n, self.heads * self.head_dim)), k, v


def causal_mask(n: int, total: int, device: torch.device) -> Tensor:
    """Return what the last `n` of `total` tokens may look at, shape (n, total): themselves and what is before them."""
    positions = torch.arange(total, device=device)
    return positions[None, :] <= positions[total - n :, None]


class FeedForward(nn.Module):
    """A gated layer, SwiGLU (Shazeer 2020), at each token by itself."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.width, shape.hidden, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.hidden, bias=False)
        self.down_proj = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (batch, n, width)."""
        result: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return result


class Block(nn.Module):
    """Attention and a feed-forward layer, each with a way around it and RMSNorm (Zhang and Sennrich 2019) before it."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.width, eps=shape.norm_eps)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.width, eps=shape.norm_eps)
        self.mlp = FeedForward(shape)

    def forward(
        self, x: Tensor, cosine: Tensor, sine: Tensor, past: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the result of shape (batch, n, width), and keys and values as `Attention` does."""
        mixed, keys, values = self.self_attn(self.input_layernorm(x), cosine, sine, past)
        x = x + mixed
        return x + self.mlp(self.post_attention_layernorm(x)), keys, values


class Decoder(nn.Module):
    """The whole network."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.norm_eps)
        self.rotary = Rotary(shape)
        self.apply(self.start)

    def start(self, module: nn.Module) -> None:
        """Draw new weights; what is added to the residual stream begins at zero: a new block changes nothing."""
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=SPREAD)
        if isinstance(module, Block):
            nn.init.zeros_(module.self_attn.o_proj.weight)
            nn.init.zeros_(module.mlp.down_proj.weight)

    def logits(self, x: Tensor) -> Tensor:
        """Return how well each token would fit next; input and output share a matrix (Press and Wolf 2017)."""
        return F.linear(self.norm(x), self.embed_tokens.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits of every next token, shape (batch, n, vocabulary), for tokens of shape (batch, n)."""
        cosine, sine = self.rotary(torch.arange(tokens.shape[1], device=tokens.device))
        x = self.embed_tokens(tokens)
        for block in self.layers:
            x, _, _ = block(x, cosine, sine)
        return self.logits(x)

    def step(self, tokens: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Read some more tokens of one text; what was read before is not computed again.

        Args:
            tokens: The new ones, shape (n,).
            past: Keys and values of the ones before, shape (layers, 2, kv_heads, p, head_dim); p may be 0.

        Returns:
            The logits of what comes after each of them, shape (n, vocabulary), and the new past, with p + n in the
            place of p.
        """
        n, before = tokens.shape[0], past.shape[3]
        cosine, sine = self.rotary(torch.arange(n, device=tokens.device) + before)
        x = self.embed_tokens(tokens)[None]
        present = []
        for block, (keys, values) in zip(self.layers, past.unbind(0), strict=True):
            x, keys, values = block(x, cosine, sine, (keys[None], values[None]))
            present.append(torch.stack([keys[0], values[0]]))
        return self.logits(x)[0], torch.stack(present)

    def empty_past(self) -> Tensor:
        """Return the past of a text that has not begun."""
        shape = self.shape
        return torch.zeros(shape.layers, 2, shape.kv_heads, 0, shape.head_dim, device=self.embed_tokens.weight.device)
