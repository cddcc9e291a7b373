"""The parts of `benchmarks/gpu.py`; each yields rows as it finds them."""

from typing import Final

from gpu_common import Part
from gpu_machine import convolutions, environment, memory, sharing
from gpu_numbers import bits, certificates
from gpu_training import cell, compiling, epochs, optimizers, persistent, replay, transformers

PARTS: Final = (
    Part("the card: copies, products, launches and nodes of graphs", 25, environment),
    Part("a graph replays; sequential and vmap against the processor", 25, replay),
    Part("compiled: the first call, later ones, and their numbers", 70, compiling),
    Part("an epoch on host and device, against eager and native training", 60, epochs),
    Part("one cell, there and on the processor", 55, cell),
    Part("convolutions: grouped, by columns, in blocks", 45, convolutions),
    Part("certificates in small and large chunks against the kernels", 40, certificates),
    Part("memory that ends: eager, warm-up and capture", 30, memory),
    Part(
        "the same where large pieces are not split",
        30,
        memory,
        {"PYTORCH_CUDA_ALLOC_CONF": "max_split_size_mb:32"},
    ),
    Part("bits of two runs, of a killed and resumed one; a ViT; dropout", 35, bits),
    Part("no compiler; visible devices; several processes on the card", 45, sharing),
    Part("Muon, SAM, Shampoo and SOAP", 30, optimizers),
    Part("the persistent kernel: speed and error", 60, persistent),
    Part("the persistent kernel on vision transformers: speed and error", 50, transformers),
)
"""In the order of what is needed to believe the next one."""
