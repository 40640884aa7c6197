#!/usr/bin/env python3
"""Writes small random checkpoints with the names of latent-diffusion and guided-diffusion, and what their networks compute.

Usage: compvis_write.py FOLDER [CASE]...    FOLDER/CASE.ckpt, FOLDER/CASE.safetensors (the same tensors), FOLDER/CASE.golden.safetensors

The networks are written here once more from their description, as functions of a dictionary of tensors, so that names, shapes, the split of attention
into heads and the order of all operations are checked by something that shares no line with the program.
"""
import json
import math
import os
import struct
import sys
from collections import OrderedDict

import torch
import torch.nn.functional as F

NAMES = {torch.float32: "F32", torch.float16: "F16", torch.int64: "I64", torch.bfloat16: "BF16"}


def save_safetensors(path, tensors):
    header, at, parts = {}, 0, []
    for name, value in tensors.items():
        value = value.detach().contiguous()
        data = value.view(torch.int16).numpy().tobytes() if value.dtype == torch.bfloat16 else value.numpy().tobytes()
        header[name] = {"dtype": NAMES[value.dtype], "shape": list(value.shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
        parts.append(data)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


class Weights:
    """Makes a tensor when it is first asked for, and finds it again later."""

    def __init__(self, seed):
        self.random = torch.Generator().manual_seed(seed)
        self.tensors = OrderedDict()

    def get(self, name, *shape, spread=None):
        if name not in self.tensors:
            fan = math.prod(shape[1:]) or 1
            spread = spread if spread is not None else 1 / math.sqrt(fan)
            self.tensors[name] = torch.randn(*shape, generator=self.random) * spread
        return self.tensors[name]

    def conv(self, name, x, out, size=3, stride=1, padding=None):
        w, b = self.get(name + ".weight", out, x.shape[1], size, size), self.get(name + ".bias", out, spread=0.1)
        return F.conv2d(x, w, b, stride, size // 2 if padding is None else padding)

    def conv1d(self, name, x, out):
        return F.conv1d(x, self.get(name + ".weight", out, x.shape[1], 1), self.get(name + ".bias", out, spread=0.1))

    def linear(self, name, x, out, bias=True):
        return F.linear(x, self.get(name + ".weight", out, x.shape[-1]), self.get(name + ".bias", out, spread=0.1) if bias else None)

    def scale(self, name, width):
        if name + ".weight" not in self.tensors:
            self.tensors[name + ".weight"] = 1 + 0.2 * torch.randn(width, generator=self.random)
        return self.tensors[name + ".weight"], self.get(name + ".bias", width, spread=0.2)

    def norm(self, name, x, eps):
        return F.group_norm(x, 32, *self.scale(name, x.shape[1]), eps)

    def layer_norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], *self.scale(name, x.shape[-1]), 1e-5)


def timestep_vector(t, width):
    half = width // 2
    rates = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32) / half)
    angles = t[:, None].float() * rates[None]
    return torch.cat([torch.cos(angles), torch.sin(angles)], 1)


def unet(w, p, x, t, context, c):
    """c: model, mult, blocks, attention (downsampling factors), heads (of a width), shift, by_blocks, linear, out."""
    def block(name, h, out, resize=None):
        f = F.silu(w.norm(name + ".in_layers.0", h, 1e-5))
        if resize == "down":
            f, h = F.avg_pool2d(f, 2), F.avg_pool2d(h, 2)
        if resize == "up":
            f, h = F.interpolate(f, scale_factor=2.0, mode="nearest"), F.interpolate(h, scale_factor=2.0, mode="nearest")
        f = w.conv(name + ".in_layers.2", f, out)
        e = w.linear(name + ".emb_layers.1", F.silu(emb), 2 * out if c["shift"] else out)[:, :, None, None]
        if c["shift"]:
            gain, shift = e.chunk(2, 1)
            f = w.norm(name + ".out_layers.0", f, 1e-5) * (1 + gain) + shift
        else:
            f = w.norm(name + ".out_layers.0", f + e, 1e-5)
        f = w.conv(name + ".out_layers.3", F.silu(f), out)
        return (h if h.shape[1] == out else w.conv(name + ".skip_connection", h, out, 1)) + f

    def plain_attention(name, h):
        n, width, height, length = h.shape
        heads = c["heads"](width)
        size = width // heads
        flat = h.reshape(n, width, -1)
        qkv = w.conv1d(name + ".qkv", w.norm(name + ".norm", flat, 1e-5), 3 * width)
        if c.get("new_order"):
            q, k, v = (part.reshape(n * heads, size, -1) for part in qkv.chunk(3, 1))
        else:
            q, k, v = qkv.reshape(n * heads, 3 * size, -1).split(size, 1)
        weight = torch.softmax(torch.einsum("bct,bcs->bts", q * size ** -0.25, k * size ** -0.25), -1)
        mixed = torch.einsum("bts,bcs->bct", weight, v).reshape(n, width, -1)
        return (flat + w.conv1d(name + ".proj_out", mixed, width)).reshape(h.shape)

    def cross(name, x, other, heads):
        q = w.linear(name + ".to_q", x, x.shape[-1], False)
        k, v = (w.linear(name + part, other, x.shape[-1], False) for part in (".to_k", ".to_v"))
        n, length, width = q.shape
        q, k, v = (part.reshape(n, -1, heads, width // heads).transpose(1, 2) for part in (q, k, v))
        weight = torch.softmax(q @ k.transpose(-1, -2) * (width // heads) ** -0.5, -1)
        return w.linear(name + ".to_out.0", (weight @ v).transpose(1, 2).reshape(n, length, width), width)

    def transformer(name, h):
        n, width, height, length = h.shape
        heads = c["heads"](width)
        x = w.norm(name + ".norm", h, 1e-6)
        if c["linear"]:
            x = w.linear(name + ".proj_in", x.reshape(n, width, -1).transpose(1, 2), width)
        else:
            x = w.conv(name + ".proj_in", x, width, 1).reshape(n, width, -1).transpose(1, 2)
        one = name + ".transformer_blocks.0"
        normal = w.layer_norm(one + ".norm1", x)
        x = x + cross(one + ".attn1", normal, normal, heads)
        x = x + cross(one + ".attn2", w.layer_norm(one + ".norm2", x), context, heads)
        value, gate = w.linear(one + ".ff.net.0.proj", w.layer_norm(one + ".norm3", x), 8 * width).chunk(2, -1)
        x = x + w.linear(one + ".ff.net.2", value * F.gelu(gate), width)
        if c["linear"]:
            return h + w.linear(name + ".proj_out", x, width).transpose(1, 2).reshape(h.shape)
        return h + w.conv(name + ".proj_out", x.transpose(1, 2).reshape(h.shape), width, 1)

    mixer = plain_attention if context is None else transformer
    emb = w.linear(p + "time_embed.2", F.silu(w.linear(p + "time_embed.0", timestep_vector(t, c["model"]), 4 * c["model"])), 4 * c["model"])
    if c.get("classes"):
        emb = emb + w.get(p + "label_emb.weight", c["classes"], 4 * c["model"])[torch.full_like(t, c["label"])]
    h = w.conv(p + "input_blocks.0.0", x, c["model"])
    skips, number, factor = [h], 1, 1
    for level, mult in enumerate(c["mult"]):
        for _ in range(c["blocks"]):
            h = block(f"{p}input_blocks.{number}.0", h, mult * c["model"])
            if factor in c["attention"]:
                h = mixer(f"{p}input_blocks.{number}.1", h)
            skips.append(h)
            number += 1
        if level < len(c["mult"]) - 1:
            name = f"{p}input_blocks.{number}.0"
            h = block(name, h, h.shape[1], "down") if c["by_blocks"] else w.conv(name + ".op", h, h.shape[1], 3, 2, 1)
            skips.append(h)
            number += 1
            factor *= 2
    h = block(p + "middle_block.0", h, h.shape[1])
    h = mixer(p + "middle_block.1", h)
    h = block(p + "middle_block.2", h, h.shape[1])
    number = 0
    for level, mult in reversed(list(enumerate(c["mult"]))):
        for i in range(c["blocks"] + 1):
            module = 1
            h = block(f"{p}output_blocks.{number}.0", torch.cat([h, skips.pop()], 1), mult * c["model"])
            if factor in c["attention"]:
                h = mixer(f"{p}output_blocks.{number}.1", h)
                module = 2
            if level and i == c["blocks"]:
                name = f"{p}output_blocks.{number}.{module}"
                if c["by_blocks"]:
                    h = block(name, h, h.shape[1], "up")
                else:
                    h = w.conv(name + ".conv", F.interpolate(h, scale_factor=2.0, mode="nearest"), h.shape[1])
                factor //= 2
            number += 1
    return w.conv(p + "out.2", F.silu(w.norm(p + "out.0", h, 1e-5)), c["out"])


def first_stage(w, p, c):
    """c: ch, mult, blocks, latent, codes (0: KL), attention (levels). Returns encode and decode, both without the latent's scale."""
    def swish(x):
        return x * torch.sigmoid(x)

    def block(name, h, out):
        f = w.conv(name + ".conv1", swish(w.norm(name + ".norm1", h, 1e-6)), out)
        f = w.conv(name + ".conv2", swish(w.norm(name + ".norm2", f, 1e-6)), out)
        return (h if h.shape[1] == out else w.conv(name + ".nin_shortcut", h, out, 1)) + f

    def attention(name, h):
        n, width, height, length = h.shape
        x = w.norm(name + ".norm", h, 1e-6)
        q, k, v = (w.conv(f"{name}.{part}", x, width, 1).reshape(n, width, -1) for part in "qkv")
        weight = torch.softmax(q.transpose(1, 2) @ k * width ** -0.5, -1)
        return h + w.conv(name + ".proj_out", (v @ weight.transpose(1, 2)).reshape(h.shape), width, 1)

    def middle(name, h):
        h = block(name + ".mid.block_1", h, h.shape[1])
        return block(name + ".mid.block_2", attention(name + ".mid.attn_1", h), h.shape[1])

    def encode(x):
        name = p + "encoder"
        h = w.conv(name + ".conv_in", x, c["ch"])
        for level, mult in enumerate(c["mult"]):
            for i in range(c["blocks"]):
                h = block(f"{name}.down.{level}.block.{i}", h, mult * c["ch"])
                if level in c["attention"]:
                    h = attention(f"{name}.down.{level}.attn.{i}", h)
            if level < len(c["mult"]) - 1:
                h = w.conv(f"{name}.down.{level}.downsample.conv", F.pad(h, (0, 1, 0, 1)), h.shape[1], 3, 2, 0)
        h = swish(w.norm(name + ".norm_out", middle(name, h), 1e-6))
        width = c["latent"] if c["codes"] else 2 * c["latent"]
        h = w.conv(p + "quant_conv", w.conv(name + ".conv_out", h, width), width, 1)
        return h if c["codes"] else h[:, :c["latent"]]

    def decode(z):
        name = p + "decoder"
        if c["codes"]:
            book = w.get(p + "quantize.embedding.weight", c["codes"], c["latent"], spread=1.0)
            flat = z.permute(0, 2, 3, 1).reshape(-1, c["latent"])
            far = (flat ** 2).sum(1, keepdim=True) + (book ** 2).sum(1) - 2 * flat @ book.t()
            z = book[far.argmin(1)].reshape(z.shape[0], z.shape[2], z.shape[3], -1).permute(0, 3, 1, 2)
        h = w.conv(name + ".conv_in", w.conv(p + "post_quant_conv", z, c["latent"], 1), c["mult"][-1] * c["ch"])
        h = middle(name, h)
        for level, mult in reversed(list(enumerate(c["mult"]))):
            for i in range(c["blocks"] + 1):
                h = block(f"{name}.up.{level}.block.{i}", h, mult * c["ch"])
                if level in c["attention"]:
                    h = attention(f"{name}.up.{level}.attn.{i}", h)
            if level:
                h = w.conv(f"{name}.up.{level}.upsample.conv", F.interpolate(h, scale_factor=2.0, mode="nearest"), h.shape[1])
        return w.conv(name + ".conv_out", swish(w.norm(name + ".norm_out", h, 1e-6)), 3)

    return encode, decode


def of_heads(count):
    return lambda width: count


def of_channels(size):
    return lambda width: width // size


VQ = dict(ch=32, mult=(1, 1, 2), blocks=2, latent=3, codes=64, attention=())
KL = dict(ch=32, mult=(1, 1, 2, 2), blocks=1, latent=4, codes=0, attention=())
UNET = dict(model=32, blocks=2, shift=False, by_blocks=False, linear=False, out=3)
CASES = {
    # FFHQ, CelebA, LSUN bedrooms: heads of 32 channels, so two and three of them here.
    "vq4": dict(unet=dict(UNET, mult=(1, 2, 3), attention=(2, 4), heads=of_channels(32)), first=VQ, ema=True, betas=(0.0015, 0.0195)),
    "vq4-new-order": dict(unet=dict(UNET, mult=(1, 2), blocks=1, attention=(2,), heads=of_channels(32), new_order=True),
                          first=dict(VQ, attention=(2,)), betas=(0.0015, 0.0195)),
    "cin": dict(unet=dict(UNET, mult=(1, 2), blocks=1, attention=(1, 2), heads=of_heads(1)), first=VQ, classes=1001, context=48, betas=(0.0015, 0.0195)),
    "sd1": dict(unet=dict(UNET, mult=(1, 2), blocks=1, attention=(1,), heads=of_heads(8), out=4), first=KL, context=768, half=True,
                scale=0.18215, betas=(0.00085, 0.012)),
    "sd2": dict(unet=dict(UNET, model=64, mult=(1, 2), blocks=1, attention=(1,), heads=of_channels(64), linear=True, out=4), first=KL,
                context=1024, scale=0.18215, v=True, betas=(0.00085, 0.012)),
    # LSUN churches: eight heads at every width, residual blocks that change the size, scale and shift, and a scale that the checkpoint stores.
    "kl8": dict(unet=dict(UNET, mult=(1, 2, 2), attention=(1, 2), heads=of_heads(8), shift=True, by_blocks=True, out=4), first=KL, ema=True,
                scale=0.22765929, stored_scale=True, betas=(0.0015, 0.0155)),
    "pixels": dict(unet=dict(UNET, model=64, mult=(1, 2), blocks=1, attention=(2,), heads=of_channels(64), shift=True, by_blocks=True, out=6), first=None),
    # The newer order, and heads of 8 and of 16 channels.
    "pixels-heads": dict(unet=dict(UNET, mult=(1, 2), blocks=1, attention=(1, 2), heads=of_heads(4), new_order=True, shift=True, by_blocks=True, out=6),
                         first=None),
    "pixels-classes": dict(unet=dict(UNET, model=64, mult=(1, 2), blocks=1, attention=(2,), heads=of_channels(64), shift=True, by_blocks=True,
                                     out=6, classes=5, label=3), first=None),
}


class Callback:
    """Something that only its trainer knows, as Lightning's checkpoints hold."""


Callback.__module__ = "pytorch_lightning.callbacks.model_checkpoint"
Callback.__qualname__ = Callback.__name__ = "ModelCheckpoint"


def register_callback():
    import types
    parts = Callback.__module__.split(".")
    for i in range(len(parts)):
        sys.modules.setdefault(".".join(parts[:i + 1]), types.ModuleType(".".join(parts[:i + 1])))
    sys.modules[Callback.__module__].ModelCheckpoint = Callback


def write(folder, name, seed):
    case = CASES[name]
    w, golden = Weights(seed), {}
    latent = case["first"]["latent"] if case["first"] else 3
    p = "model.diffusion_model." if case["first"] else ""
    random = torch.Generator().manual_seed(seed + 1)
    z, t = torch.randn(2, latent, 16, 8, generator=random), torch.tensor([7, 981])
    context = None
    if case.get("classes"):
        table = w.get("cond_stage_model.embedding.weight", case["classes"], case["context"], spread=1.0)
        context = table[case["classes"] - 1][None, None].expand(2, 1, -1)
    elif case.get("context"):
        context = torch.randn(1, 5, case["context"], generator=random).expand(2, -1, -1)

    def predicted():
        return unet(w, p, z, t, context, case["unet"])

    predicted()
    image = None
    if case["first"]:
        encode, decode = first_stage(w, "first_stage_model.", case["first"])
        image = torch.rand(2, 3, 32, 16, generator=random) * 2 - 1
        decode(encode(image))
    if case.get("half"):
        w.tensors = OrderedDict((key, value.half().float()) for key, value in w.tensors.items())
    raw = predicted()[:, :latent]
    averages = OrderedDict()
    if case.get("ema"):
        averages["model_ema.decay"], averages["model_ema.num_updates"] = torch.tensor(0.9999), torch.tensor(5, dtype=torch.int32)
        kept, change = w.tensors, torch.Generator().manual_seed(seed + 2)
        w.tensors = OrderedDict((key, value + 0.02 * torch.randn(value.shape, generator=change) if key.startswith(p) else value) for key, value in kept.items())
        golden["ema"] = predicted()[:, :latent]
        for key, value in w.tensors.items():
            if key.startswith("model."):
                averages["model_ema." + key[len("model."):].replace(".", "")] = value
        w.tensors = kept
    golden.update(z=z, t=t, raw=raw)
    if context is not None:
        golden["context"] = context.contiguous()
        save_safetensors(os.path.join(folder, name + ".conditioning.safetensors"), {"embedding": context[0].contiguous()})
    if case["first"]:
        scale = case.get("scale", 1.0)
        golden["image"], golden["latent"] = image, encode(image) * scale
        golden["decoded"] = decode(golden["latent"] / scale)

    state = OrderedDict()
    if case.get("betas"):
        start, end = case["betas"]
        betas = torch.linspace(start ** 0.5, end ** 0.5, 1000, dtype=torch.float64) ** 2
        state["betas"], state["alphas_cumprod"] = betas.float(), torch.cumprod(1 - betas, 0).float()
        state["logvar"] = torch.zeros(1000)
    if case.get("stored_scale"):
        state["scale_factor"] = torch.tensor(case["scale"])
    state.update(w.tensors)
    if case.get("half"):
        state = OrderedDict((key, value.half() if key.startswith(("model.", "first")) else value) for key, value in state.items())
    state.update((key, value) for key, value in averages.items() if value.dtype != torch.int32)
    if case["first"]:
        state["first_stage_model.loss.discriminator.main.0.weight"] = torch.ones(2, 2)
    # Convolutions trained in channels_last lie in memory in another order, and are saved so.
    def kept_of(key, value):
        return value.contiguous(memory_format=torch.channels_last) if value.dim() == 4 and "conv1" in key else value

    kept = OrderedDict((key, kept_of(key, value)) for key, value in state.items())
    kept.update((key, value) for key, value in averages.items() if value.dtype == torch.int32)
    first = next(key for key, value in kept.items() if value.dim() == 4)
    kept[first] = torch.nn.Parameter(kept[first])
    kept._metadata = OrderedDict([("", {"version": 1})])
    register_callback()
    whole = {"epoch": 3, "global_step": 10 ** 12, "pytorch-lightning_version": "1.5.0", "callbacks": {Callback: {"best": torch.tensor(1.0), "path": None}},
             "state_dict": kept, "lr_schedulers": [], "optimizer_states": [{"state": {0: {"step": 3}}, "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.999)}]}]}
    torch.save(whole if case["first"] else kept, os.path.join(folder, name + ".ckpt"))
    save_safetensors(os.path.join(folder, name + ".safetensors"), state)
    save_safetensors(os.path.join(folder, name + ".golden.safetensors"), golden)


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    for number, case_name in enumerate(CASES):
        if len(sys.argv) == 2 or case_name in sys.argv[2:]:
            write(sys.argv[1], case_name, 100 * number)
