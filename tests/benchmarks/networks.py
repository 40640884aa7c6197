"""Times the bundled model's networks in PyTorch, with random weights: what `inverse bench networks` and `inverse gpu-check` are compared with.

    networks.py [THREADS]               on the CPU
    networks.py cuda [compile]          on a GPU, eager or by torch.compile

The same layers in the same order as models/brain-mri-128 has them, written for timing only. Needs Debian's python3-torch, or any newer one.
"""
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class Resnet(nn.Module):
    def __init__(self, cin, cout, groups, eps, temb):
        super().__init__()
        self.n1, self.c1 = nn.GroupNorm(groups, cin, eps), nn.Conv2d(cin, cout, 3, padding=1)
        self.n2, self.c2 = nn.GroupNorm(groups, cout, eps), nn.Conv2d(cout, cout, 3, padding=1)
        self.t = nn.Linear(temb, cout) if temb else None
        self.s = nn.Conv2d(cin, cout, 1) if cin != cout else None

    def forward(self, x, t=None):
        h = self.c1(F.silu(self.n1(x)))
        if self.t is not None:
            h = h + self.t(F.silu(t))[:, :, None, None]
        return (x if self.s is None else self.s(x)) + self.c2(F.silu(self.n2(h)))


class Attention(nn.Module):
    def __init__(self, c, head, groups, eps):
        super().__init__()
        self.norm, self.heads = nn.GroupNorm(groups, c, eps), c // head
        self.q, self.k, self.v, self.o = (nn.Linear(c, c) for _ in range(4))

    def forward(self, x, t=None):
        n, c, h, w = x.shape
        y = self.norm(x).flatten(2).transpose(1, 2)
        q, k, v = (f(y).view(n, h * w, self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        if hasattr(F, "scaled_dot_product_attention"):
            a = F.scaled_dot_product_attention(q, k, v)
        else:
            a = torch.softmax(q @ k.transpose(-1, -2) / (c // self.heads) ** 0.5, -1) @ v
        return x + self.o(a.transpose(1, 2).reshape(n, h * w, c)).transpose(1, 2).view(n, c, h, w)


class Down(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = nn.Conv2d(c, c, 3, stride=2, padding=1)

    def forward(self, x, t=None):
        return self.c(x)


class Up(Down):
    def __init__(self, c):
        super().__init__(c)
        self.c = nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x, t=None):
        return self.c(F.interpolate(x, scale_factor=2.0))


class UNet(nn.Module):
    def __init__(self, widths=(48, 96, 144), layers=2, head=24, groups=8, eps=1e-5):
        super().__init__()
        temb = 4 * widths[0]
        self.t1, self.t2 = nn.Linear(widths[0], temb), nn.Linear(temb, temb)
        self.start, self.down, self.up = nn.Conv2d(4, widths[0], 3, padding=1), nn.ModuleList(), nn.ModuleList()
        skips, c = [widths[0]], widths[0]
        last = len(widths) - 1
        for level, width in enumerate(widths):
            for _ in range(layers):
                block = [Resnet(c, width, groups, eps, temb)] + ([Attention(width, head, groups, eps)] if level == last else [])
                self.down.append(nn.ModuleList(block))
                c = width
                skips.append(c)
            if level < last:
                self.down.append(nn.ModuleList([Down(c)]))
                skips.append(c)
        self.mid = nn.ModuleList([Resnet(c, c, groups, eps, temb), Attention(c, head, groups, eps), Resnet(c, c, groups, eps, temb)])
        for level, width in reversed(list(enumerate(widths))):
            for i in range(layers + 1):
                block = [Resnet(c + skips.pop(), width, groups, eps, temb)] + ([Attention(width, head, groups, eps)] if level == last else [])
                c = width
                self.up.append(nn.ModuleList(block + ([Up(c)] if i == layers and level > 0 else [])))
        self.norm, self.end = nn.GroupNorm(groups, c, eps), nn.Conv2d(c, 4, 3, padding=1)

    def forward(self, x, steps):
        half = self.t1.in_features // 2
        f = steps[:, None].float() * torch.exp(-torch.arange(half, device=x.device) * (9.210340371976184 / half))[None]
        t = self.t2(F.silu(self.t1(torch.cat([f.cos(), f.sin()], 1))))
        x = self.start(x)
        skips = [x]
        for block in self.down:
            for part in block:
                x = part(x, t)
            skips.append(x)
        for part in self.mid:
            x = part(x, t)
        for block in self.up:
            x = torch.cat([x, skips.pop()], 1)
            for part in block:
                x = part(x, t)
        return self.end(F.silu(self.norm(x)))


class Decoder(nn.Module):
    def __init__(self, widths=(32, 64, 64), layers=1, groups=8, eps=1e-6):
        super().__init__()
        c = widths[-1]
        parts = [nn.Conv2d(4, 4, 1), nn.Conv2d(4, c, 3, padding=1), Resnet(c, c, groups, eps, 0), Attention(c, c, groups, eps), Resnet(c, c, groups, eps, 0)]
        for level, width in reversed(list(enumerate(widths))):
            for _ in range(layers + 1):
                parts.append(Resnet(c, width, groups, eps, 0))
                c = width
            if level > 0:
                parts.append(Up(c))
        self.parts = nn.Sequential(*parts, nn.GroupNorm(groups, c, eps), nn.SiLU(), nn.Conv2d(c, 1, 3, padding=1))

    def forward(self, z):
        return self.parts(z)


def median(call, repeats=15):
    times = []
    for i in range(repeats + 2):
        start = time.perf_counter()
        call()
        if cuda:
            torch.cuda.synchronize()
        if i >= 2:
            times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def gradient(decoder, z):
    z = z.clone().requires_grad_()
    x = decoder(z)
    torch.autograd.grad(x, z, x.detach())


cuda = sys.argv[1:2] == ["cuda"]
compiled = "compile" in sys.argv
torch.manual_seed(0)
if len(sys.argv) > 1 and not cuda:
    torch.set_num_threads(int(sys.argv[1]))
device = "cuda" if cuda else "cpu"
unet, decoder = UNet().eval().to(device), Decoder().eval().to(device)
for network in (unet, decoder):
    network.requires_grad_(False)
if cuda:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
if compiled:
    unet, decoder = torch.compile(unet), torch.compile(decoder)
where = torch.cuda.get_device_name() if cuda else f"{torch.get_num_threads()} threads"
print(f"torch {torch.__version__}, {where}{', torch.compile' if compiled else ''}\n")
print("| batch | UNet ms | decoder ms | decoder with gradient ms |\n|---:|---:|---:|---:|")
for n in (1, 4, 16) if cuda else (1, 2, 4):
    z, t = torch.randn(n, 4, 32, 32, device=device), torch.full((n,), 500, device=device)
    repeats = 50 if cuda else 15
    with torch.no_grad():
        a, b = median(lambda: unet(z, t), repeats), median(lambda: decoder(z), repeats)
    print(f"| {n} | {a:.2f} | {b:.2f} | {median(lambda: gradient(decoder, z), repeats):.2f} |")
