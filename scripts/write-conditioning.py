"""Writes conditioning.safetensors into the folder of a Stable Diffusion model: what its text encoder makes of a prompt.

    pip install torch transformers safetensors
    python3 write-conditioning.py FOLDER ["a prompt"]

Without a prompt it is the empty one, which is what restoration wants. With one, the empty prompt is stored beside it for guidance.
"""
import sys

import torch
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

folder, prompt = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
tokenizer = CLIPTokenizer.from_pretrained(folder, subfolder="tokenizer")
encoder = CLIPTextModel.from_pretrained(folder, subfolder="text_encoder").float()


def embed(text):
    length = tokenizer.model_max_length
    tokens = tokenizer(text, padding="max_length", max_length=length, truncation=True, return_tensors="pt").input_ids
    with torch.no_grad():
        return encoder(tokens)[0][0].contiguous()


tensors = {"embedding": embed(prompt)}
if prompt:
    tensors["unconditional"] = embed("")
save_file(tensors, f"{folder}/conditioning.safetensors")
