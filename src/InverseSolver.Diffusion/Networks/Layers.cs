using InverseSolver.Diffusion.Weights;
using static InverseSolver.Diffusion.Networks.LayerFunctions;

namespace InverseSolver.Diffusion.Networks;

/// <summary>A convolution with its bias.</summary>
internal sealed class Conv2d
{
    private readonly Tensor weight, bias;
    private readonly long[] stride, padding;

    internal Conv2d(WeightScope w, int inChannels, int outChannels, int kernel, int stride = 1, int padding = 0)
    {
        weight = w.Take("weight", outChannels, inChannels, kernel, kernel);
        bias = w.Take("bias", outChannels);
        this.stride = [stride, stride];
        this.padding = [padding, padding];
    }

    internal Tensor Forward(Tensor x) => conv2d(x, weight, bias, stride, padding);
}

/// <summary>A matrix applied to the last dimension.</summary>
internal sealed class Linear
{
    private readonly Tensor weight;
    private readonly Tensor? bias;

    internal Linear(WeightScope w, int inFeatures, int outFeatures, bool hasBias = true)
    {
        weight = w.Take("weight", outFeatures, inFeatures);
        bias = hasBias ? w.Take("bias", outFeatures) : null;
    }

    internal Tensor Forward(Tensor x) => linear(x, weight, bias);
}

/// <summary>Normalisation over groups of channels, with scale and shift.</summary>
internal sealed class GroupNorm
{
    private readonly Tensor weight, bias;
    private readonly int groups;
    private readonly double eps;

    internal GroupNorm(WeightScope w, int groups, int channels, double eps)
    {
        if (channels % groups != 0)
        {
            throw w.Error($"{channels} channels cannot be normalised in {groups} groups (norm_num_groups)");
        }

        weight = w.Take("weight", channels);
        bias = w.Take("bias", channels);
        this.groups = groups;
        this.eps = eps;
    }

    internal Tensor Forward(Tensor x) => group_norm(x, groups, weight, bias, eps);
}

/// <summary>Normalisation over the last dimension, with scale and shift; ε is PyTorch's default.</summary>
internal sealed class LayerNorm
{
    private readonly Tensor weight, bias;

    internal LayerNorm(WeightScope w, int features)
    {
        weight = w.Take("weight", features);
        bias = w.Take("bias", features);
    }

    internal Tensor Forward(Tensor x) => layer_norm(x, weight, bias, 1e-5);
}
