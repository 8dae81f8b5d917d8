"""Did fine-tuning cost the model what it knew? General knowledge, asked before and after. `evaluate.py` uses it.

Each question is the beginning of a sentence with four ends, of which one is true. The model is never asked to write:
the end that it finds most probable is its answer, as in the benchmarks of language models (Gao et al.,
lm-evaluation-harness). Guessing is right once in four.
"""

import numpy as np
from tokenizers import Tokenizer

from .scoring import LossesOf
from .tokenizer import encode_document

# The first end is the true one. Nothing here is about presidents or politics: it is to be an unrelated task.
QUESTIONS: list[tuple[str, list[str]]] = [
    ("The capital of France is", ["Paris", "London", "Madrid", "Rome"]),
    ("The capital of Japan is", ["Tokyo", "Beijing", "Seoul", "Bangkok"]),
    ("The capital of Egypt is", ["Cairo", "Nairobi", "Athens", "Lagos"]),
    ("The chemical formula of water is", ["H2O", "CO2", "NaCl", "CH4"]),
    (
        "At sea level, water boils at a temperature of",
        ["100 degrees Celsius", "30 degrees Celsius", "500 degrees Celsius", "0 degrees Celsius"],
    ),
    ("The planet closest to the sun is", ["Mercury", "Neptune", "Saturn", "Mars"]),
    ("The largest planet of the solar system is", ["Jupiter", "Mercury", "Venus", "Mars"]),
    ("The gas that plants take from the air for photosynthesis is", ["carbon dioxide", "helium", "neon", "hydrogen"]),
    ("The organ that pumps blood through the body is the", ["heart", "liver", "stomach", "lung"]),
    ("Spiders have", ["eight legs", "four legs", "two legs", "ten legs"]),
    ("A triangle has", ["three sides", "five sides", "six sides", "eight sides"]),
    ("Seven plus five is", ["twelve", "nine", "twenty", "three"]),
    ("The opposite of hot is", ["cold", "green", "loud", "heavy"]),
    ("The opposite of early is", ["late", "blue", "sweet", "round"]),
    ("Bees make", ["honey", "milk", "wool", "silk"]),
    ("Bread is baked in an", ["oven", "river", "engine", "umbrella"]),
    ("The author of Romeo and Juliet is", ["William Shakespeare", "Charles Dickens", "Mark Twain", "Jane Austen"]),
    ("The painter of the Mona Lisa is", ["Leonardo da Vinci", "Pablo Picasso", "Vincent van Gogh", "Claude Monet"]),
    ("In Python, the keyword that defines a function is", ["def", "while", "import", "return"]),
    ("A baby cat is called a", ["kitten", "puppy", "calf", "lamb"]),
    ("The season that follows winter is", ["spring", "autumn", "night", "Monday"]),
    ("Ice is frozen", ["water", "sand", "iron", "wood"]),
    ("The instrument with black and white keys is the", ["piano", "violin", "drum", "trumpet"]),
    ("The Great Wall is in", ["China", "Brazil", "Canada", "Kenya"]),
]  # fmt: skip


def share_right(losses_of: LossesOf, tokenizer: Tokenizer) -> float:
    """Return the share of questions whose true end the model finds most probable.

    Ends are compared by their mean loss of a token, so that a long one is not worse for its length.

    Args:
        losses_of: The model, see `scoring.py`.
        tokenizer: The model's.
    """
    right = 0
    for beginning, ends in QUESTIONS:
        known = len(encode_document(tokenizer, beginning)) - 1  # without the token that says: the end
        losses = [
            losses_of(encode_document(tokenizer, f"{beginning} {end}.")[np.newaxis, :-1])[0, known - 1 :].mean()
            for end in ends
        ]
        right += int(np.argmin(losses) == 0)
    return right / len(QUESTIONS)
