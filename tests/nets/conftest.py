"""The older pipeline's computation restated from the papers (arXiv 2002.06460, 1606.03798), on its tensors by name."""

import sys

import pytest
import torch
import torch.nn.functional as F

NETWORK = {
    "upscale_factor": 4,
    "encoder": {"in_channels": 8, "num_layers": 2, "kernel_size": 3, "channel_size": 6},
    "recursive": {"alpha_residual": True, "in_channels": 6, "kernel_size": 3},
}
SHUFFLE = {"pixel_shuffle": {"in_channels": 6, "kernel_size": 3, "out_channels": 64, "stride": 1, "scale": 4}}
DECONVOLUTION = {
    "deconv": {"stride": 4, "in_channels": 6, "kernel_size": 3, "out_channels": 6},
    "final": {"in_channels": 6, "kernel_size": 1, "out_channels": 4},
}


def config(decoder, views=8, **network):
    """A config.json of it."""
    return {
        "network": NETWORK | {"decoder": decoder} | network,
        "training": {"n_views": views, "loss_metric": "MIXED"},
        "paths": {"prefix": "/somewhere/private"},
    }


def convolution(made, name, inputs, outputs, size):
    scale = 0.8 / (inputs * size**2) ** 0.5
    made[f"{name}.weight"], made[f"{name}.bias"] = scale * torch.randn(outputs, inputs, size, size), 0.1 * torch.randn(outputs)


def weights(decoder, channels=6, layers=2, seed=0):
    """Random tensors with the public names, in the order they would be saved."""
    torch.manual_seed(seed)
    made = {}
    convolution(made, "encode.init_layer.0", 8, channels, 3)
    made["encode.init_layer.1.weight"] = torch.tensor([0.25])
    for layer in range(layers):
        block(made, f"encode.res_layers.{layer}.block", channels)
    convolution(made, "encode.final.0", channels, channels, 3)
    block(made, "fuse.fuse.0.block", 2 * channels)
    convolution(made, "fuse.fuse.1", 2 * channels, channels, 3)
    made["fuse.fuse.2.weight"] = torch.tensor([0.3])
    if "pixel_shuffle" in decoder:
        convolution(made, "decode.conv.0", channels, 64, 3)
        made["decode.conv.1.weight"] = torch.tensor([0.2])
    else:
        convolution(made, "decode.deconv.0", channels, channels, 3)
        made["decode.deconv.1.weight"] = torch.tensor([0.2])
        convolution(made, "decode.final", channels, 4, 1)
    return made


def block(made, name, channels):
    for number in (0, 2):
        convolution(made, f"{name}.{number}", channels, channels, 3)
        made[f"{name}.{number + 1}.weight"] = torch.tensor([0.1])


def conv(w, name, x):
    return F.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], padding=w[f"{name}.weight"].shape[-1] // 2)


def residual(w, name, x):
    inner = F.prelu(conv(w, f"{name}.0", x), w[f"{name}.1.weight"])
    return x + F.prelu(conv(w, f"{name}.2", inner), w[f"{name}.3.weight"])


def highresnet(w, lr, views=8):
    """One sample's dates, oldest to newest, (t, 4, h, w) normalised → (4, 4h, 4w): the last `views`, padded at the end."""
    lr = lr[-views:]
    count = len(lr)
    reference = lr.median(0).values  # PyTorch's: the lower of two
    lr = torch.cat([lr, torch.zeros(views - count, *lr.shape[1:])])
    alpha = [1.0] * count + [0.0] * (views - count)
    hidden = []
    for date in lr:
        x = F.prelu(conv(w, "encode.init_layer.0", torch.cat([date, reference])[None]), w["encode.init_layer.1.weight"])
        layer = 0
        while f"encode.res_layers.{layer}.block.0.weight" in w:
            x = residual(w, f"encode.res_layers.{layer}.block", x)
            layer += 1
        hidden.append(conv(w, "encode.final.0", x))
    while len(hidden) > 1:
        half = len(hidden) // 2  # of an odd number the last is dropped
        partner = hidden[half : 2 * half][::-1]
        weight = alpha[half : 2 * half][::-1]
        fused = []
        for own, other, a in zip(hidden, partner, weight, strict=False):
            both = residual(w, "fuse.fuse.0.block", torch.cat([own, other], 1))
            fused.append(own + a * F.prelu(conv(w, "fuse.fuse.1", both), w["fuse.fuse.2.weight"]))
        hidden, alpha = fused, alpha[:half]
    x = hidden[0]
    if "decode.conv.0.weight" in w:
        x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), w["decode.conv.0.weight"], w["decode.conv.0.bias"])
        return F.pixel_shuffle(F.prelu(x, w["decode.conv.1.weight"]), 4)[0]
    x = F.conv_transpose2d(x, w["decode.deconv.0.weight"], w["decode.deconv.0.bias"], stride=4, output_padding=1)
    return conv(w, "decode.final", F.prelu(x, w["decode.deconv.1.weight"]))[0]


def shift_weights(filters=4, side=16, hidden=10, bands=4):
    torch.manual_seed(1)
    made, before = {}, 2 * bands
    for number in range(1, 9):
        width = filters if number < 5 else 2 * filters
        convolution(made, f"layer{number}.0", before, width, 3)
        made |= {f"layer{number}.1.weight": torch.rand(width), f"layer{number}.1.bias": torch.randn(width)}
        made |= {f"layer{number}.1.running_mean": torch.randn(width), f"layer{number}.1.running_var": torch.rand(width) + 0.5}
        made[f"layer{number}.1.num_batches_tracked"] = torch.tensor(7)
        before = width
    flat = before * (side // 8) ** 2
    made |= {"fc1.weight": torch.randn(hidden, flat) / 10, "fc1.bias": torch.randn(hidden), "fc2.weight": torch.randn(2, hidden)}
    return made


def shiftnet(w, fixed, moving):
    """(b, 4, s, s) twice → (b, 2), as in use: no dropout, running statistics."""
    x = torch.cat([fixed - fixed.mean((2, 3), keepdim=True), moving - moving.mean((2, 3), keepdim=True)], 1)
    for number in range(1, 9):
        name = f"layer{number}"
        x = conv(w, f"{name}.0", x)
        mean, var = (w[f"{name}.1.running_{what}"][:, None, None] for what in ("mean", "var"))
        x = (x - mean) / (var + 1e-5).sqrt() * w[f"{name}.1.weight"][:, None, None] + w[f"{name}.1.bias"][:, None, None]
        x = F.relu(x)
        x = F.max_pool2d(x, 2) if number in (2, 4, 6) else x
    return F.relu(x.flatten(1) @ w["fc1.weight"].T + w["fc1.bias"]) @ w["fc2.weight"].T


@pytest.fixture(scope="session")
def old():
    """This module: `old.highresnet(weights, lr)`."""
    return sys.modules[__name__]
