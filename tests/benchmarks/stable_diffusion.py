"""Writes a folder with the networks of Stable Diffusion 1.x or 2.x at full size, with random weights: names, shapes and configs as diffusers has them.

    python3 tests/benchmarks/stable_diffusion.py FOLDER 1|2 [half] [SHARDS]

For measuring what loading and a job cost; the pictures are noise. Prints tensors and parameters. Needs python3-numpy.
"""
import json
import struct
import sys
from math import prod
from pathlib import Path

import numpy as np

TIME = 1280


class Weights:
    """Names and shapes of a network, in order."""

    def __init__(self):
        self.shapes = {}

    def add(self, name, *weight, bias=True):
        self.shapes[name + ".weight"] = weight
        if bias:
            self.shapes[name + ".bias"] = weight[:1]

    def conv(self, name, inside, outside, kernel=3):
        self.add(name, outside, inside, kernel, kernel)

    def linear(self, name, inside, outside, bias=True):
        self.add(name, outside, inside, bias=bias)

    def norm(self, name, channels):
        self.add(name, channels)

    def resnet(self, name, inside, outside, time=None):
        self.norm(name + ".norm1", inside)
        self.conv(name + ".conv1", inside, outside)
        if time:
            self.linear(name + ".time_emb_proj", time, outside)
        self.norm(name + ".norm2", outside)
        self.conv(name + ".conv2", outside, outside)
        if inside != outside:
            self.conv(name + ".conv_shortcut", inside, outside, 1)

    def transformer(self, name, channels, context, linear):
        project = self.linear if linear else lambda n, i, o: self.conv(n, i, o, 1)
        block = name + ".transformer_blocks.0"
        self.norm(name + ".norm", channels)
        project(name + ".proj_in", channels, channels)
        for attention, width in (("attn1", channels), ("attn2", context)):
            self.linear(f"{block}.{attention}.to_q", channels, channels, bias=False)
            self.linear(f"{block}.{attention}.to_k", width, channels, bias=False)
            self.linear(f"{block}.{attention}.to_v", width, channels, bias=False)
            self.linear(f"{block}.{attention}.to_out.0", channels, channels)
        self.linear(block + ".ff.net.0.proj", channels, 8 * channels)
        self.linear(block + ".ff.net.2", 4 * channels, channels)
        for i in (1, 2, 3):
            self.norm(f"{block}.norm{i}", channels)
        project(name + ".proj_out", channels, channels)


def unet(context, linear):
    w, levels = Weights(), [320, 640, 1280, 1280]
    w.conv("conv_in", 4, 320)
    w.linear("time_embedding.linear_1", 320, TIME)
    w.linear("time_embedding.linear_2", TIME, TIME)
    before, skips = 320, [320]
    for i, channels in enumerate(levels):
        for j in range(2):
            w.resnet(f"down_blocks.{i}.resnets.{j}", before, channels, TIME)
            if i < 3:
                w.transformer(f"down_blocks.{i}.attentions.{j}", channels, context, linear)
            before = channels
            skips.append(channels)
        if i < 3:
            w.conv(f"down_blocks.{i}.downsamplers.0.conv", channels, channels)
            skips.append(channels)
    w.resnet("mid_block.resnets.0", 1280, 1280, TIME)
    w.transformer("mid_block.attentions.0", 1280, context, linear)
    w.resnet("mid_block.resnets.1", 1280, 1280, TIME)
    for i, channels in enumerate(reversed(levels)):
        for j in range(3):
            w.resnet(f"up_blocks.{i}.resnets.{j}", before + skips.pop(), channels, TIME)
            if i > 0:
                w.transformer(f"up_blocks.{i}.attentions.{j}", channels, context, linear)
            before = channels
        if i < 3:
            w.conv(f"up_blocks.{i}.upsamplers.0.conv", channels, channels)
    w.norm("conv_norm_out", 320)
    w.conv("conv_out", 320, 4)
    return w


def vae():
    w, levels = Weights(), [128, 256, 512, 512]

    def middle(name):
        for i in (0, 1):
            w.resnet(f"{name}.resnets.{i}", 512, 512)
        w.norm(name + ".attentions.0.group_norm", 512)
        for part in ("to_q", "to_k", "to_v", "to_out.0"):
            w.linear(f"{name}.attentions.0.{part}", 512, 512)

    w.conv("encoder.conv_in", 3, 128)
    before = 128
    for i, channels in enumerate(levels):
        for j in range(2):
            w.resnet(f"encoder.down_blocks.{i}.resnets.{j}", before, channels)
            before = channels
        if i < 3:
            w.conv(f"encoder.down_blocks.{i}.downsamplers.0.conv", channels, channels)
    middle("encoder.mid_block")
    w.norm("encoder.conv_norm_out", 512)
    w.conv("encoder.conv_out", 512, 8)
    w.conv("quant_conv", 8, 8, 1)
    w.conv("post_quant_conv", 4, 4, 1)
    w.conv("decoder.conv_in", 4, 512)
    middle("decoder.mid_block")
    for i, channels in enumerate(reversed(levels)):
        for j in range(3):
            w.resnet(f"decoder.up_blocks.{i}.resnets.{j}", before, channels)
            before = channels
        if i < 3:
            w.conv(f"decoder.up_blocks.{i}.upsamplers.0.conv", channels, channels)
    w.norm("decoder.conv_norm_out", 128)
    w.conv("decoder.conv_out", 128, 3)
    return w


def save(path, tensors):
    header, end = {}, 0
    for name, (shape, kind) in tensors.items():
        size = prod(shape) * np.dtype(kind).itemsize
        header[name] = {"dtype": "F16" if kind == np.float16 else "F32", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    numbers = np.random.default_rng(0).standard_normal(1 << 22) * 0.02
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, (shape, kind) in tensors.items():
            scale = "norm" in name and name.endswith("weight")
            file.write((np.ones(shape) if scale else np.resize(numbers, prod(shape))).astype(kind).tobytes())
    return end


def write(folder, network, config, kind, shards):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    print(folder.name, len(network.shapes), "tensors,", sum(map(prod, network.shapes.values())), "parameters")
    variant = ".fp16" if kind == np.float16 else ""
    tensors = {name: (shape, kind) for name, shape in network.shapes.items()}
    if shards == 1:
        save(folder / f"diffusion_pytorch_model{variant}.safetensors", tensors)
        return
    names, places, total = list(tensors), {}, 0
    for k in range(shards):
        file = f"diffusion_pytorch_model{variant}-{k + 1:05}-of-{shards:05}.safetensors"
        part = {name: tensors[name] for name in names[k * len(names) // shards : (k + 1) * len(names) // shards]}
        total += save(folder / file, part)
        places.update(dict.fromkeys(part, file))
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / f"diffusion_pytorch_model.safetensors.index{variant}.json").write_text(json.dumps(index))


def main():
    folder, second = Path(sys.argv[1]), sys.argv[2] == "2"
    kind = np.float16 if "half" in sys.argv[3:] else np.float32
    shards = next((int(a) for a in sys.argv[3:] if a.isdigit()), 1)
    context = 1024 if second else 768
    config = {
        "_class_name": "UNet2DConditionModel", "act_fn": "silu", "attention_head_dim": [5, 10, 20, 20] if second else 8,
        "block_out_channels": [320, 640, 1280, 1280],
        "center_input_sample": False, "cross_attention_dim": context,
        "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"], "downsample_padding": 1,
        "flip_sin_to_cos": True, "freq_shift": 0, "in_channels": 4, "layers_per_block": 2,
        "mid_block_scale_factor": 1, "norm_eps": 1e-05, "norm_num_groups": 32,
        "out_channels": 4, "sample_size": 64, "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3, "use_linear_projection": second,
    }
    write(folder / "unet", unet(context, second), config, kind, shards)
    config = {
        "_class_name": "AutoencoderKL", "act_fn": "silu", "block_out_channels": [128, 256, 512, 512],
        "down_block_types": ["DownEncoderBlock2D"] * 4, "in_channels": 3,
        "latent_channels": 4, "layers_per_block": 2, "norm_num_groups": 32, "out_channels": 3, "sample_size": 512, "up_block_types": ["UpDecoderBlock2D"] * 4,
    }
    write(folder / "vae", vae(), config, kind, 1)
    config = {
        "_class_name": "DDIMScheduler" if second else "PNDMScheduler", "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": False,
        "num_train_timesteps": 1000, "prediction_type": "v_prediction" if second else "epsilon",
        "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1,
    }
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(config))
    save(folder / "conditioning.safetensors", {"embedding": ((77, context), np.float32)})


main()
