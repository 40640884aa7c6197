using InverseSolver.Diffusion.Weights;
using static InverseSolver.Diffusion.Networks.LayerFunctions;

namespace InverseSolver.Diffusion.Networks;

/// <summary>A convolution with its bias.</summary>
internal sealed class Conv2d
{
    private readonly Tensor _weight, _bias;
    private readonly long[] _stride, _padding;

    internal Conv2d(WeightScope w, int inChannels, int outChannels, int kernel, int stride = 1, int padding = 0)
    {
        _weight = w.Take("weight", outChannels, inChannels, kernel, kernel);
        _bias = w.Take("bias", outChannels);
        _stride = [stride, stride];
        _padding = [padding, padding];
    }

    internal Tensor Forward(Tensor x) => conv2d(x, _weight, _bias, _stride, _padding);
}

/// <summary>A matrix applied to the last dimension.</summary>
internal sealed class Linear
{
    private readonly Tensor _weight;
    private readonly Tensor? _bias;

    internal Linear(WeightScope w, int inFeatures, int outFeatures, bool hasBias = true)
    {
        _weight = w.Take("weight", outFeatures, inFeatures);
        _bias = hasBias ? w.Take("bias", outFeatures) : null;
    }

    internal Tensor Forward(Tensor x) => linear(x, _weight, _bias);
}

/// <summary>Normalisation over groups of channels, with scale and shift.</summary>
internal sealed class GroupNorm
{
    private readonly Tensor _weight, _bias;
    private readonly int _groups;
    private readonly double _eps;

    internal GroupNorm(WeightScope w, int groups, int channels, double eps)
    {
        if (channels % groups != 0)
        {
            throw w.Error($"{channels} channels cannot be normalised in {groups} groups (norm_num_groups)");
        }

        _weight = w.Take("weight", channels);
        _bias = w.Take("bias", channels);
        _groups = groups;
        _eps = eps;
    }

    internal Tensor Forward(Tensor x) => group_norm(x, _groups, _weight, _bias, _eps);
}

/// <summary>Normalisation over the last dimension, with scale and shift; ε is PyTorch's default.</summary>
internal sealed class LayerNorm
{
    private readonly Tensor _weight, _bias;

    internal LayerNorm(WeightScope w, int features)
    {
        _weight = w.Take("weight", features);
        _bias = w.Take("bias", features);
    }

    internal Tensor Forward(Tensor x) => layer_norm(x, _weight, _bias, 1e-5);
}
